package exactness

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/stack"
)

// TestAnswersAreEqual asks random questions about random events: from roll-ups
// and from the events themselves, on two replicas, the rows must be the same, and
// those of a naive model. Events come late, twice and at the bounds of days, while
// segments are merged, replaced ones deleted, replicas and the worker killed, and
// roll-ups and events by user damaged and rebuilt. ROUNDS says how many rounds there are.
func TestAnswersAreEqual(t *testing.T) {
	rounds := 10
	if text := os.Getenv("ROUNDS"); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err, "ROUNDS")
	}
	e := newEqual(t)
	// Each once, in any order, then again.
	var turns []func(*testing.T)
	for range rounds {
		if len(turns) == 0 {
			turns = []func(*testing.T){e.killReplica, e.killWorker, e.collectGarbage, e.killIngest}
			if stack.Objects() {
				turns = append(turns, e.loseCopies)
			} else { // with a bucket, copies hide what becomes of its objects
				turns = append(turns, e.damage, e.damageUsers)
			}
			e.rng.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		}
		e.post(t, 4+e.rng.IntN(4))
		turns[0](t)
		turns = turns[1:]
		e.post(t, 4+e.rng.IntN(4))
		e.askAll(t, 12)
	}
	require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error { return e.merged(t) }))
	e.collectGarbage(t) // its turn may have come before the first merge alone
	e.askAll(t, 8)
	for _, p := range e.projects {
		for _, c := range changes {
			e.askAround(t, p, c)
		}
	}
	require.Contains(t, e.command(t, "warehouse", "verify"), ": all whole")
	require.Regexp(t, `: [1-9]\d* equal, 0 restored, 0 replaced`, e.command(t, "warehouse", "rebuild"))

	t.Logf("%d events of project one, %d of the other; answers %v, questions %v, %v, deleted %d segments", len(e.projects[0].sent), len(e.projects[1].sent), e.sources, e.asked, e.done, e.deleted)
	require.Greater(t, e.sources[fromRollUp], 40*rounds, "answers from roll-ups")
	require.Greater(t, e.sources[fromEvents]+e.sources[fromWalk], 50*rounds, "answers from events")
	require.Greater(t, e.asked["with rows"], 20*rounds, "questions with rows")
	require.Greater(t, e.asked["analyses with rows"], 5*rounds, "questions about properties with rows")
	if rounds >= 10 {
		for _, metric := range analyses {
			require.Positive(t, e.asked[metric], metric)
		}
		happened := 5 + len(harms)
		if stack.Objects() {
			happened = 5
		}
		require.Len(t, e.done, happened, "what happened between rounds")
		require.Greater(t, e.deleted, 4, "segments whose files were deleted")
	}
}

// equal is a stack for one test, which may kill any part of it.
type equal struct {
	rng      *rand.Rand
	dir      string
	servers  *stack.Stack
	db       *pgxpool.Pool
	worker   *stack.Process
	ingest   []replica
	stats    []replica
	projects []*project
	without  *project // one whose roll-up is damaged; mostly nil
	healing  *project // one whose roll-up may be made again at any time; mostly nil

	sources map[string]int // answers by meta.source
	asked   map[string]int // questions by metric
	done    map[string]int // what happened, how often
	deleted int            // segments
}

type replica struct {
	*stack.Process
	url string
}

// project has what was sent of it.
type project struct {
	*caller
	sent     []fact
	position string // of the newest upload
}

// Each upload is a load, and a segment; four of a level are merged.
var equalSettings = append([]string{
	"WORKER_LOAD_INTERVAL=0s", "WORKER_LOAD_ROWS=1", "WORKER_LEASE=1s",
	"WORKER_COMPACT_SEGMENTS=4", "WORKER_SEGMENT_EVENTS=2000",
	"WAREHOUSE_POLL_INTERVAL=500ms", // five of them late are stale
}, settings...)

func newEqual(t *testing.T) *equal {
	t.Helper()
	e := &equal{rng: newRand(t, 0), sources: map[string]int{}, asked: map[string]int{}, done: map[string]int{}}
	var err error
	e.dir, err = os.MkdirTemp(filepath.Dir(filepath.Dir(dbLog)), "equal-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(e.dir, 0o755))
	e.servers, err = stack.Servers(t.Context(), e.dir, equalSettings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.servers.Stop()) })
	e.db, err = pgxpool.New(t.Context(), e.servers.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(e.db.Close)
	e.startWorker(t)
	for range 2 {
		e.ingest = append(e.ingest, e.start(t, "ingest"))
		e.stats = append(e.stats, e.start(t, "stats"))
	}
	account := e.start(t, "account")
	for range 2 {
		p := &project{caller: newCallerAt(t, account.url)}
		p.putCohorts(t)
		e.projects = append(e.projects, p)
	}
	return e
}

func (e *equal) start(t *testing.T, name string) replica {
	t.Helper()
	p, err := e.servers.StartService(t.Context(), name)
	require.NoError(t, err)
	return replica{p, "http://" + e.servers.Addresses[name]}
}

func (e *equal) startWorker(t *testing.T) {
	t.Helper()
	e.worker = e.start(t, "syncworker").Process
}

// post sends uploads of each project, and some again, while the worker loads them.
func (e *equal) post(t *testing.T, uploads int) {
	t.Helper()
	for range uploads {
		for _, p := range e.projects {
			facts := e.facts(p, 1+e.rng.IntN(150))
			accepted := len(facts)
			if n := len(p.sent); n > 0 && e.rng.IntN(3) == 0 {
				facts = append(facts, pick(e.rng, p.sent, 1+e.rng.IntN(n), shuffled)...)
			}
			p.sent = append(p.sent, facts[:accepted]...)
			shuffled.apply(e.rng, facts)
			a, err := p.mustPost(t.Context(), e.ingest[e.rng.IntN(len(e.ingest))].url, jsonUpload(facts), len(facts))
			require.NoError(t, err)
			require.Equal(t, accepted, a.Accepted, "events that were counted as new")
			p.position = a.Position
		}
	}
}

var (
	equalTypes = []string{"view", "buy", "login", "Купівля", "view item"}
	equalZones = []string{"UTC", "UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Kyiv", "Australia/Lord_Howe"}
	// Clocks change at these instants.
	changes = []change{
		{"Europe/Kyiv", "2025-10-26T01:00:00Z"},
		{"Europe/Kyiv", "2026-03-29T01:00:00Z"},
		{"America/St_Johns", "2025-11-02T04:30:00Z"},
		{"America/St_Johns", "2006-10-29T02:31:00Z"},    // 00:01 becomes 23:01 of the day before
		{"America/St_Johns", "2010-03-14T03:31:00Z"},    // 00:01 becomes 01:01
		{"Australia/Lord_Howe", "2025-10-04T15:30:00Z"}, // half an hour is skipped
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z"}, // half an hour comes twice
		{"Antarctica/Casey", "2010-03-04T15:00:00Z"},    // 02:00 becomes 23:00 of the day before
	}
)

type change struct{ zone, at string }

func (c change) location() *time.Location {
	zone, err := time.LoadLocation(c.zone)
	if err != nil {
		panic(err)
	}
	return zone
}

func (c change) instant() time.Time {
	at, err := time.Parse(time.RFC3339, c.at)
	if err != nil {
		panic(err)
	}
	return at
}

// facts makes events of one upload.
func (e *equal) facts(p *project, n int) []fact {
	users := []int{3, 40, 1000}[e.rng.IntN(3)]
	facts := make([]fact, n)
	for i := range facts {
		f := fact{At: e.instant(), User: fmt.Sprintf("user-%d", e.rng.IntN(users)), Type: equalTypes[min(e.rng.IntN(len(equalTypes)), e.rng.IntN(len(equalTypes)))]}
		for b := range f.ID {
			f.ID[b] = byte(e.rng.Uint32())
		}
		f.Props = e.props()
		facts[i] = f
	}
	if len(p.sent) > 0 && e.rng.IntN(4) == 0 { // the same instant as another event
		facts[0].At = p.sent[e.rng.IntN(len(p.sent))].At
	}
	return facts
}

const day = 24 * time.Hour

// instant is when an event happened: just now, late, or at a bound.
func (e *equal) instant() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	ago := func(most time.Duration) time.Time {
		return now.Add(-time.Duration(e.rng.Int64N(int64(most/time.Microsecond))) * time.Microsecond)
	}
	beside := func(at time.Time) time.Time { return at.Add(time.Duration(e.rng.IntN(3)-1) * time.Microsecond) }
	at := now
	switch e.rng.IntN(8) {
	case 0, 1:
		at = ago(6 * time.Hour)
	case 2, 3:
		at = ago(60 * day)
	case 4:
		at = ago(5 * 365 * day)
	case 5: // at the bound of a quarter
		at = beside(ago(60 * day).Truncate(15 * time.Minute))
	case 6: // at midnight of a zone
		y, m, d := ago(60 * day).Date()
		at = beside(time.Date(y, m, d, 0, 0, 0, 0, e.zone()))
	case 7: // at a change of clocks, or within a day of it
		at = pickOne(e, changes).instant()
		if e.rng.IntN(2) == 0 {
			at = beside(at)
		} else {
			at = at.Add(time.Duration(e.rng.Int64N(2*int64(day/time.Microsecond)))*time.Microsecond - day)
		}
	}
	if at.After(now) {
		at = now
	}
	return at.UTC()
}

// zone is any of the zones.
func (e *equal) zone() *time.Location { return change{zone: pickOne(e, equalZones)}.location() }

// events are what was sent, as the model takes them.
func (p *project) events() []oracle.Event {
	events := make([]oracle.Event, len(p.sent))
	for i, f := range p.sent {
		events[i] = oracle.Event{UserID: f.User, Type: f.Type, At: f.At}
	}
	return events
}
