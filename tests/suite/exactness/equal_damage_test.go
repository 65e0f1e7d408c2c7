package exactness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

const otherPathSQL = `
SELECT path FROM analytics.segments WHERE replaced_at IS NULL AND path <> $1 ORDER BY md5(path || $2::text) LIMIT 1`

func usersOf(path string) string { return strings.TrimSuffix(path, ".parquet") + ".users" }

// harm is what befalls a file of events by user.
type harm struct {
	name string
	do   func(rng *rand.Rand, file, other string) error
}

// harms change the file in its place, as a replica may have it mapped, or put another one
// there.
var harms = []harm{
	{"a bit is flipped", func(rng *rand.Rand, file, _ string) error {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		at, one := rng.Int64N(info.Size()), make([]byte, 1)
		if _, err := f.ReadAt(one, at); err != nil {
			return err
		}
		one[0] ^= 1 << rng.IntN(8)
		_, err = f.WriteAt(one, at)
		return err
	}},
	{"it is cut short", func(rng *rand.Rand, file, _ string) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		return os.Truncate(file, rng.Int64N(info.Size()))
	}},
	{"it is deleted", func(_ *rand.Rand, file, _ string) error { return os.Remove(file) }},
	{"another segment's is in its place", func(_ *rand.Rand, file, other string) error { return copyFile(file, other) }},
}

// copyFile puts a copy of a file in the place of another.
func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}

// damageUsers harms files of events by user, in each way, while questions are asked that
// walk over them. The replicas say that a file is damaged, and answer from what is left:
// the same, also after a restart, until the command has made the file again.
func (e *equal) damageUsers(t *testing.T) {
	p := e.projects[e.rng.IntN(len(e.projects))]
	e.analyse(t, p, e.funnel()) // there is a segment, and it is open
	kill(t, e.worker)           // or it may be merging this one
	all := e.walks(t, p)
	var path string
	for i, n := range e.rng.Perm(len(harms)) {
		path = query[string](t, e, livePathSQL, p.Project, strconv.Itoa(e.rng.IntN(1000)))
		other := query[string](t, e, otherPathSQL, path, strconv.Itoa(e.rng.IntN(1000)))
		file := filepath.Join(e.dir, "warehouse", usersOf(path))
		require.NoError(t, copyFile(file+".saved", file))
		e.beside(t, p, all, func() error {
			return harms[n].do(e.rng, file, filepath.Join(e.dir, "warehouse", usersOf(other)))
		}, harms[n].name)
		e.quarantined(t, 1)
		e.done["events by user: "+harms[n].name]++
		if i == len(harms)-1 {
			require.NoError(t, os.Remove(file+".saved"))
			break
		}
		require.NoError(t, os.Rename(file+".saved", file))
		e.ask(t, p, e.question(p))
		e.quarantined(t, 0)
	}
	fresh := e.rng.IntN(len(e.stats))
	e.restart(t, e.stats, fresh, "stats")
	for _, w := range all {
		e.analyse(t, p, w.analysis)
	}
	require.Regexp(t, `"segment is quarantined".*`+regexp.QuoteMeta(usersOf(path)), e.stats[fresh].Log())
	require.Contains(t, e.command(t, "warehouse", "rebuild"), "restored: "+usersOf(path))
	e.startWorker(t)
	e.ask(t, p, e.question(p))
	e.quarantined(t, 0)
}

// wanted is an analysis, and the rows that its answers must have.
type wanted struct {
	analysis
	rows []row
}

// walks are questions of all kinds that walk over each user's events.
func (e *equal) walks(t *testing.T, p *project) (all []wanted) {
	analyses := []analysis{e.funnel(), e.sessions(), e.paths(), e.profiles(), e.timeline(p)}
	for _, ofUsers := range []func() (any, oracle.Filter){e.did, e.reached, e.inCohort} {
		b, scope := e.narrow()
		b["filter"], scope.Filter = ofUsers()
		analyses = append(analyses, e.trends(b, scope))
	}
	for _, a := range analyses {
		all = append(all, wanted{a, rowsOf(t, a.want(p.whole()))})
	}
	return all
}

// beside does something while each replica answers questions, again and again, and until
// it has answered all of them once more. Their rows must be those wanted.
func (e *equal) beside(t *testing.T, p *project, all []wanted, do func() error, about string) {
	t.Helper()
	answered := make([]atomic.Int64, len(e.stats))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var over atomic.Bool
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range e.stats {
		g.Go(func() error {
			for n := i; !over.Load(); n++ { // not all the same at once
				if err := p.answers(ctx, r, all[n%len(all)]); err != nil {
					return err
				}
				answered[i].Add(1)
			}
			return nil
		})
	}
	await := func(more int) error {
		least := make([]int64, len(answered))
		for i := range answered {
			least[i] = answered[i].Load() + int64(more)
		}
		return stack.Poll(ctx, time.Minute, func() error {
			for i := range answered {
				if n := answered[i].Load(); n < least[i] {
					return fmt.Errorf("replica %d has answered %d of %d questions", i, n, least[i])
				}
			}
			return nil
		})
	}
	err := await(2)
	if err == nil {
		err = do()
	}
	if err == nil {
		err = await(len(all) + 1) // one was being answered before
	}
	over.Store(true)
	require.NoError(t, g.Wait(), about)
	require.NoError(t, err, about)
}

// answers asks a replica a question as it is and with a filter that holds for every event.
func (p *project) answers(ctx context.Context, r replica, w wanted) error {
	for _, body := range []map[string]any{w.body, w.forced()} {
		answer, err := p.analysed(ctx, r, w.metric, body)
		if err != nil {
			return fmt.Errorf("%s %v: %w", w.metric, body, err)
		}
		rows, err := rowsIn(answer)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(w.rows, rows) {
			return fmt.Errorf("%s %v, from %s: the model has %v, the service %v", w.metric, body, answer.Meta.Source, w.rows, rows)
		}
	}
	return nil
}

// quarantined waits until each replica says that so many files are damaged.
func (e *equal) quarantined(t *testing.T, files int) {
	t.Helper()
	line := fmt.Sprintf("\nanalytics_stats_quarantined_segments %d\n", files)
	for _, r := range e.stats {
		require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error {
			a, err := api.Anonymous(r.url, nil).Try(t.Context(), http.MethodGet, "/metrics", nil)
			if err == nil && !strings.Contains(string(a.Body), line) {
				err = fmt.Errorf("the replica does not say that %d files are damaged", files)
			}
			return err
		}))
	}
}
