package durability

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a worker does for one segment, and then when it deletes it.
const (
	writes       = `5 pwrite64(7</d/w/tmp/1-0123456789abcdef0123456789abcdef.parquet>, "PAR1", 4, 0) = 4`
	syncs        = `5 fsync(8</d/w/tmp/1-0123456789abcdef0123456789abcdef.parquet>) = 0`
	renames      = `5 renameat(AT_FDCWD</>, "/d/w/tmp/1-0123456789abcdef0123456789abcdef.parquet", AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.parquet") = 0`
	rollsUp      = `6 write(9</d/w/tmp/1-0123456789abcdef0123456789abcdef.rollup>, "R", 1) = 1`
	syncsUp      = `6 fsync(9</d/w/tmp/1-0123456789abcdef0123456789abcdef.rollup>) = 0`
	renamesUp    = `6 renameat(AT_FDCWD</>, "/d/w/tmp/1-0123456789abcdef0123456789abcdef.rollup", AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.rollup") = 0`
	writesUsers  = `5 write(10</d/w/tmp/1-0123456789abcdef0123456789abcdef.users>, "U", 1) = 1`
	syncsUsers   = `7 fsync(10</d/w/tmp/1-0123456789abcdef0123456789abcdef.users>) = 0`
	renamesUsers = `7 renameat(AT_FDCWD</>, "/d/w/tmp/1-0123456789abcdef0123456789abcdef.users", AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.users") = 0`
	makes        = `5 mkdirat(AT_FDCWD</>, "/d/w/3", 0755) = 0`
	syncsRoot    = `5 fsync(7</d/w>) = 0`
	syncsDir     = `5 fsync(7</d/w/3>) = 0`
	begins       = `5 write(4<UNIX-STREAM:[1->2]>, "Q\0\0\0\nbegin\0", 11) = 11`
	inserts      = `5 write(4<UNIX-STREAM:[1->2]>, "B\0\0\0\0.3/1-0123456789abcdef0123456789abcdef.parquet", 50) = 50`
	inserted     = `5 read(4<UNIX-STREAM:[1->2]>, "C\0\0\0\17INSERT 0 1\0Z\0\0\0\5T", 8192) = 20`
	commits      = `5 write(4<UNIX-STREAM:[1->2]>, "Q\0\0\0\vcommit\0", 12) = 12`
	committed    = `5 read(4<UNIX-STREAM:[1->2]>, "C\0\0\0\vCOMMIT\0Z\0\0\0\5I", 8192) = 18`
	rolledBack   = `5 read(4<UNIX-STREAM:[1->2]>, "C\0\0\0\rROLLBACK\0Z\0\0\0\5I", 8192) = 20`
	returns      = `5 read(4<UNIX-STREAM:[1->2]>, "D\0\0\0\0.3/1-0123456789abcdef0123456789abcdef.parquet", 8192) = 50`
	deletes      = `5 unlinkat(AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.parquet", 0) = 0`
	deletesUp    = `5 unlinkat(AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.rollup", 0) = 0`
	deletesUsers = `5 unlinkat(AT_FDCWD</>, "/d/w/3/1-0123456789abcdef0123456789abcdef.users", 0) = 0`
)

var inOrder = []string{
	makes, syncsRoot, writes, rollsUp, writesUsers, syncs, syncsUp, syncsUsers, renames, renamesUp, renamesUsers, syncsDir,
	begins, inserts, inserted, commits, committed, begins, returns, commits, committed, deletes, deletesUp, deletesUsers,
}

func wrongIn(trace string) []string {
	o := newOrder("/d/w")
	o.replay(parseTrace(trace))
	return o.wrong
}

func TestOrderIsRight(t *testing.T) {
	t.Parallel()
	o := newOrder("/d/w")
	o.replay(parseTrace(strings.Join(inOrder, "\n")))
	require.Empty(t, o.wrong)
	require.Equal(t, []int{1, 1, 3}, []int{o.listed, o.dropped, o.unlinked})
}

// Without any of its steps, or with one in another place, an order is wrong.
func TestOrderIsWrong(t *testing.T) {
	t.Parallel()
	text := strings.Join(inOrder, "\n")
	replaced := func(line string, by ...string) string {
		return strings.Replace(text, line, strings.Join(by, "\n"), 1)
	}
	without := func(line string) string { return replaced(line) }
	after := func(moved, line string) string {
		return strings.Replace(without(moved), line, line+"\n"+moved, 1)
	}
	late := strings.Replace(writes, "/tmp/", "/3/", 1)
	threads := strings.NewReplacer(writes, strings.Join([]string{
		strings.Replace(syncs, ") = 0", " <unfinished ...>", 1), strings.Replace(writes, "5 ", "6 ", 1), "5 <... fsync resumed>) = 0",
	}, "\n"), syncs, "")
	for name, lines := range map[string]string{
		"events not synced":            without(syncs),
		"roll-up not synced":           without(syncsUp),
		"users not synced":             without(syncsUsers),
		"users not in place":           without(renamesUsers),
		"users written after the sync": after(writesUsers, syncsUsers),
		"users synced after the name":  after(syncsUsers, renamesUsers),
		"events not in place":          without(renames),
		"roll-up not in place":         without(renamesUp),
		"project's folder not synced":  without(syncsDir),
		"warehouse not synced":         without(syncsRoot),
		"found folder, none synced":    replaced(makes+"\n"+syncsRoot, ""),
		"written after the sync":       after(writes, syncs),
		"written after the name":       replaced(renames, renames, late),
		"synced after the name":        after(syncs, renames),
		"folder synced before":         after(syncsDir, renames),
		"warehouse synced before":      after(makes, syncsRoot),
		"folder synced after commit":   after(syncsDir, committed),
		"sync under way at the write":  threads.Replace(text),
		"sync failed":                  replaced(syncs, strings.Replace(syncs, "= 0", "= -1 EIO (Input/output error)", 1)),
		"deleted while listed":         without(returns),
		"deleted before the commit":    after(deletes, returns),
		"deleted before its answer":    after(deletesUp, commits),
		"deleted though nothing ended": replaced(returns+"\n"+commits+"\n"+committed, returns, commits, rolledBack),
	} {
		require.NotEmpty(t, wrongIn(lines), name)
	}
}
