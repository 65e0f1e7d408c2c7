package durability

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// promises replays a trace of ingest and notes answers of 202 that were sent
// before Postgres had confirmed a commit of their own.
type promises struct {
	now      int            // events replayed
	asked    map[string]int // when the upload came that a client waits for, by socket
	sessions map[string]*commit
	last     commit // that Postgres has confirmed

	kept   int
	broken []string
}

// commit is one of a session with Postgres.
type commit struct{ sent, confirmed int }

func newPromises() *promises {
	return &promises{asked: map[string]int{}, sessions: map[string]*commit{}}
}

func (p *promises) replay(events []event) {
	for _, e := range events {
		p.now++
		text := strings.Join(e.text, "")
		switch {
		case strings.HasPrefix(e.path, "UNIX-STREAM:"):
			p.store(e, text)
		// The server may have read the first byte while it waited for an upload.
		case e.name == "read" && !e.begins && strings.Contains(text, "OST /api/events"):
			p.asked[e.path] = p.now
		case e.name == "write" && e.begins && strings.HasPrefix(text, "HTTP/1.1 202"):
			p.answer(e)
		}
	}
}

func (p *promises) store(e event, text string) {
	switch s := p.sessions[e.path]; {
	case e.name == "write" && e.begins && strings.Contains(text, `commit\0`):
		p.sessions[e.path] = &commit{sent: p.now}
	case e.name == "read" && !e.begins && s != nil && strings.Contains(text, `COMMIT\0`):
		p.last = commit{s.sent, p.now}
		delete(p.sessions, e.path)
	}
}

func (p *promises) answer(e event) {
	asked, ok := p.asked[e.path]
	delete(p.asked, e.path)
	switch {
	case !ok:
		p.broken = append(p.broken, e.path+": an answer without an upload")
	case p.last.sent < asked:
		p.broken = append(p.broken, e.path+": an answer without a commit since the upload")
	default:
		p.kept++
	}
}

func TestPromises(t *testing.T) {
	t.Parallel()
	const (
		upload    = `1 read(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "POST /api/events HTTP/1.1\r\n", 4096) = 27`
		commit    = `2 write(4<UNIX-STREAM:[1->2]>, "Q\0\0\0\vcommit\0", 12) = 12`
		confirmed = `2 read(4<UNIX-STREAM:[1->2]>, "C\0\0\0\vCOMMIT\0Z\0\0\0\5I", 8192) = 18`
		answer    = `1 write(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "HTTP/1.1 202 Accepted\r\n", 23) = 23`
	)
	replay := func(lines ...string) *promises {
		p := newPromises()
		p.replay(parseTrace(strings.Join(lines, "\n")))
		return p
	}
	right := replay(upload, commit, confirmed, answer, upload, commit, confirmed, answer)
	require.Empty(t, right.broken)
	require.Equal(t, 2, right.kept)
	for _, wrong := range [][]string{
		{upload, answer},
		{upload, commit, answer, confirmed},
		{upload, answer, commit, confirmed},
		{commit, upload, confirmed, answer},
		{upload, commit, confirmed, answer, upload, answer},
	} {
		require.NotEmpty(t, replay(wrong...).broken, "%q", wrong)
	}
}

// TestIngestAnswersAfterItsCommit looks at each system call of an ingest that
// takes small and large uploads, one after the other and at the same time.
func TestIngestAnswersAfterItsCommit(t *testing.T) {
	t.Parallel()
	s := newService(t, newDir(t))
	s.start(t, "account")
	ingest, trace := s.startTraced(t, "ingest", "read,write")
	c := s.newCaller(t)
	uploads := 0
	for _, n := range []int{1, 5, 3000, 1, 20_000, 2} {
		c.post(t, n)
		c.postAgain(t) // all are duplicates
		uploads += 1 + len(c.sent)
	}
	var g errgroup.Group
	for range 8 {
		other := s.newCaller(t)
		uploads += 10
		g.Go(func() error {
			for range 10 {
				other.post(t, 3)
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	p := newPromises()
	p.replay(stopTraced(t, ingest, trace))
	require.Empty(t, p.broken)
	require.Equal(t, uploads, p.kept)
}
