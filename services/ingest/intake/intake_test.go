package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/names"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/ingest/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	ann = auth.Principal{UserID: 1, ProjectID: 1}
	bob = auth.Principal{UserID: 2, ProjectID: 2}
)

var tokens = outbox.NewTokens([]byte("0123456789abcdef0123456789abcdef"))

// tested is an Intake on a database of its own.
type tested struct {
	*Intake
	pool     *pgxpool.Pool
	registry *prometheus.Registry
}

func newIntake(t *testing.T) *tested {
	t.Helper()
	in := &tested{pool: pgtest.New(t), registry: prometheus.NewRegistry()}
	cfg := Config{
		Limits: Limits{MaxBodyBytes: 1 << 20, MaxRatio: 200, MaxEvents: 1000, MaxInFlight: 2 << 20, MaxFuture: time.Hour},
		Kept:   KeptConfig{MaxKeys: 1000, MaxBytes: 1 << 20},
		Names:  names.Config{EventTypes: 3, Properties: 3},
		Store:  store.Config{GroupCommit: true},
	}
	in.Intake = New(cfg, Deps{Pool: in.pool, Tokens: tokens, Now: time.Now, Log: zaptest.NewLogger(t), Registry: in.registry})
	return in
}

// stored is the number of events in the ledger.
func (in *tested) stored(t *testing.T) (events int) {
	t.Helper()
	require.NoError(t, in.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.event_ids`).Scan(&events))
	return events
}

// counted are the events in the metrics, by what became of them.
func (in *tested) counted(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := in.registry.Gather()
	require.NoError(t, err)
	n := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "analytics_ingest_events_total" {
			for _, m := range f.GetMetric() {
				n[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func (in *tested) woken() bool {
	select {
	case <-in.appended:
		return true
	default:
		return false
	}
}

func newEvent(user string) event.Event {
	return event.Event{ID: uuid.New(), OccurredAt: 1_754_000_000_000_000, UserID: user, Type: "login"}
}

// newBatch is of valid events and one invalid one behind them if bad is set.
func newBatch(bad bool, events ...event.Event) *event.Batch {
	b := &event.Batch{Events: events}
	for i := range events {
		b.Indexes = append(b.Indexes, int32(i))
	}
	if bad {
		b.Reject(event.Mistake{Field: "user_id", Code: "missing-field", Message: "is required"})
	}
	return b
}

func TestAccept(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	first, second := newEvent("1"), newEvent("2")
	changed := first
	changed.UserID = "9"
	got, err := in.Accept(t.Context(), ann, newBatch(true, first, second, changed), Options{})
	require.NoError(t, err)
	require.Equal(t, 2, got.Accepted)
	require.Equal(t, 1, got.Duplicates)
	require.Equal(t, []int32{2}, got.Conflicts)
	require.Equal(t, 3, got.Invalid[0].Index)
	require.Equal(t, 4, got.Events())
	require.Nil(t, got.Kept)
	_, err = tokens.Decode(ann.ProjectID, got.Position)
	require.NoError(t, err)
	require.True(t, in.woken())
	require.Equal(t, 2, in.stored(t))

	got, err = in.Accept(t.Context(), ann, newBatch(false, first), Options{})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{got.Accepted, got.Duplicates})
	require.False(t, in.woken(), "nothing is new")

	got, err = in.Accept(t.Context(), bob, newBatch(false, first), Options{})
	require.NoError(t, err)
	require.Equal(t, 1, got.Accepted, "ids are of a project")

	require.Equal(t, map[string]float64{"accepted": 3, "duplicate": 2, "rejected": 1}, in.counted(t))
}

// Events with a name too many are invalid; those with known names are not.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	typed := func(name string) event.Event {
		e := newEvent("1")
		e.Type = name
		return e
	}
	got, err := in.Accept(t.Context(), ann, newBatch(false, typed("a"), typed("b"), typed("c"), typed("d"), typed("a")), Options{})
	require.NoError(t, err)
	require.Equal(t, []int{4, 1}, []int{got.Accepted, got.Rejected})
	require.Equal(t, event.Invalid{Index: 3, Mistake: event.Mistake{
		Field: "event_type", Code: "too-many-event-types", Message: "the project has its 3 event types, and this is another",
	}}, got.Invalid[0])

	many := typed("a")
	many.Properties = `{"p":1,"q":{"r":2,"s":3},"t":4,"u":5}`
	var invalid *InvalidError
	_, err = in.Accept(t.Context(), ann, newBatch(false, many), Options{})
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "too-many-properties", invalid.Code)
	require.Equal(t, "properties", invalid.Invalid[0].Field)

	many.Properties = `{"p":1,"q":{"r":2,"s":3},"t":4}`
	_, err = in.Accept(t.Context(), ann, newBatch(false, many, typed("d")), Options{Atomic: true})
	require.ErrorAs(t, err, &invalid)
	got, err = in.Accept(t.Context(), ann, newBatch(false, many), Options{Atomic: true})
	require.NoError(t, err)
	require.Equal(t, 1, got.Accepted)
	got, err = in.Accept(t.Context(), bob, newBatch(false, typed("d")), Options{})
	require.NoError(t, err)
	require.Equal(t, 1, got.Accepted, "names are of a project")
	require.Equal(t, map[string]float64{"accepted": 6, "duplicate": 0, "rejected": 3}, in.counted(t))
}

func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	known := newEvent("1")
	_, err := in.Accept(t.Context(), ann, newBatch(false, known), Options{Atomic: true})
	require.NoError(t, err)
	require.True(t, in.woken())
	other := known
	other.Type = "logout"

	var invalid *InvalidError
	_, err = in.Accept(t.Context(), ann, newBatch(true), Options{})
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, 1, invalid.Events)
	_, err = in.Accept(t.Context(), ann, newBatch(true, newEvent("1")), Options{Atomic: true})
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, 2, invalid.Events)
	require.Len(t, invalid.Invalid, 1)
	var conflict *ConflictError
	_, err = in.Accept(t.Context(), ann, newBatch(false, newEvent("1"), other), Options{Atomic: true})
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, []int32{1}, conflict.Indexes)

	refusal := errors.New("no batch")
	_, err = in.Refuse(t.Context(), ann, refusal, nil)
	require.Equal(t, refusal, err)
	require.Equal(t, 1, in.stored(t), "nothing of them")
	require.False(t, in.woken())
	require.Equal(t, 1.0, in.counted(t)["accepted"])
}

// newOnce keeps what Render is given as text.
func newOnce(key, request string) *Once {
	return &Once{Key: key, Request: []byte(request), Render: func(r Result, refusal error) (Answer, error) {
		if refusal != nil {
			return Answer{Status: 1, Body: []byte(refusal.Error())}, nil
		}
		return Answer{Status: 2, Body: fmt.Append(nil, r.Accepted, " accepted at ", r.Position)}, nil
	}}
}

func TestAcceptOnce(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	batch := newBatch(false, newEvent("1"))
	first, err := in.Accept(t.Context(), ann, batch, Options{Once: newOnce("k", "a")})
	require.NoError(t, err)
	require.Equal(t, 1, first.Accepted)
	require.False(t, first.Kept.Replayed)
	require.Equal(t, Answer{Status: 2, Body: []byte("1 accepted at " + first.Position)}, first.Kept.Answer)
	require.True(t, in.woken())

	again, err := in.Accept(t.Context(), ann, newBatch(false, newEvent("1")), Options{Once: newOnce("k", "a")})
	require.NoError(t, err)
	require.Equal(t, Result{Kept: &Kept{Answer: first.Kept.Answer, Replayed: true}}, again)
	require.False(t, in.woken())
	_, err = in.Accept(t.Context(), ann, batch, Options{Once: newOnce("k", "b")})
	require.ErrorIs(t, err, ErrKeyReused)
	require.Equal(t, 1, in.stored(t))
	require.Equal(t, 1.0, in.counted(t)["accepted"])

	foreign, err := in.Accept(t.Context(), bob, newBatch(false, newEvent("1")), Options{Once: newOnce("k", "a")})
	require.NoError(t, err)
	require.False(t, foreign.Kept.Replayed, "keys are of a project")
}

func TestRefusalsAreKept(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	known := newEvent("1")
	_, err := in.Accept(t.Context(), ann, newBatch(false, known), Options{})
	require.NoError(t, err)
	known.Type = "logout"
	require.True(t, in.woken())
	for key, ask := range map[string]func(once *Once) (Result, error){
		"invalid": func(once *Once) (Result, error) {
			return in.Accept(t.Context(), ann, newBatch(true), Options{Once: once})
		},
		"another content": func(once *Once) (Result, error) {
			return in.Accept(t.Context(), ann, newBatch(false, newEvent("1"), known), Options{Once: once, Atomic: true})
		},
		"no batch": func(once *Once) (Result, error) {
			return in.Refuse(t.Context(), ann, errors.New("no batch"), once)
		},
	} {
		var answers []Answer
		for _, replayed := range []bool{false, true} {
			got, err := ask(newOnce(key, "a"))
			require.NoError(t, err, key)
			require.Equal(t, replayed, got.Kept.Replayed, key)
			require.Equal(t, 1, got.Kept.Status, key)
			require.Contains(t, string(got.Kept.Body), key)
			answers = append(answers, got.Kept.Answer)
		}
		require.Equal(t, answers[0], answers[1], key)
	}
	require.Equal(t, 1, in.stored(t))
	require.False(t, in.woken())
}

// A project that keeps too many answers loses the oldest ones; other projects keep
// theirs.
func TestAnswersKeptAreBounded(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string]KeptConfig{
		"keys":  {MaxKeys: 10, MaxBytes: 1 << 20},
		"bytes": {MaxKeys: 1000, MaxBytes: 109}, // of answers of 10 bytes
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake(t)
			in.kept.cfg = bounds
			keep := func(p auth.Principal, key string) bool {
				once := newOnce(key, "a")
				once.Render = func(Result, error) (Answer, error) { return Answer{Body: []byte("0123456789")}, nil }
				got, err := in.Accept(t.Context(), p, newBatch(false, newEvent("1")), Options{Once: once})
				require.NoError(t, err)
				return got.Kept.Replayed
			}
			require.False(t, keep(bob, "old"))
			for i := range 25 {
				require.False(t, keep(ann, fmt.Sprint(i)))
			}
			require.NoError(t, in.trimKept(t.Context()))
			require.True(t, keep(bob, "old"))
			require.True(t, keep(ann, "24"))
			require.True(t, keep(ann, "15"))
			require.False(t, keep(ann, "14"))
			require.EqualValues(t, 15, testutil.ToFloat64(in.metrics.keysDropped))
		})
	}
}

// What projects have added is counted until their answers have expired, however slowly
// they add; nothing is remembered of those that stopped.
func TestProjectsThatKeepNothingAreForgotten(t *testing.T) {
	t.Parallel()
	k := &kept{cfg: KeptConfig{MaxKeys: 3 * trimPart, MaxBytes: 1 << 20}, added: map[int64]volume{}}
	now := time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)
	for range 4 { // one more than a part
		require.Empty(t, k.due(now))
		k.add(1, 10, now)
		k.add(now.Unix(), 10, now)
		now = now.Add(keyLife - time.Second)
	}
	require.Equal(t, []int64{1}, k.due(now))
	require.Len(t, k.added, 1, "only who was there last")
	require.Empty(t, k.due(now.Add(2*time.Second)))
	require.Empty(t, k.added)
}

// An answer that cannot be written is none: the events go with it.
func TestRenderFails(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	broken := errors.New("broken")
	once := newOnce("k", "a")
	once.Render = func(Result, error) (Answer, error) { return Answer{}, broken }
	_, err := in.Accept(t.Context(), ann, newBatch(false, newEvent("1")), Options{Once: once})
	require.ErrorIs(t, err, broken)
	require.Zero(t, in.stored(t))
	require.False(t, in.woken())
	got, err := in.Accept(t.Context(), ann, newBatch(false, newEvent("1")), Options{Once: newOnce("k", "a")})
	require.NoError(t, err)
	require.False(t, got.Kept.Replayed)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	now := time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)
	in.now = func() time.Time { return now }
	require.Equal(t, event.Limits{MaxEvents: 1000, NotAfter: now.Add(time.Hour)}, in.Limits())
	b, err := in.Open(ann, strings.NewReader(strings.Repeat(" ", 1<<20+1)), -1, nil)
	require.NoError(t, err)
	defer b.Close()
	b.Hash()
	_, err = b.Digest()
	require.ErrorContains(t, err, "too large")

	limits := Limits{MaxBodyBytes: 64 << 20, MaxInFlight: 100 << 20, MaxRatio: 1, MaxEvents: 1}
	require.NoError(t, limits.Validate())
	limits.MaxInFlight = 80 << 20
	require.ErrorContains(t, limits.Validate(), "MAX_BYTES_IN_FLIGHT")
	err = (&Limits{MaxBodyBytes: -1, MaxInFlight: -1, MaxFuture: -1}).Validate()
	for _, name := range []string{"MAX_BODY_BYTES", "MAX_COMPRESSION_RATIO", "MAX_EVENTS", "MAX_BYTES_IN_FLIGHT", "MAX_FUTURE"} {
		require.ErrorContains(t, err, name)
	}
}
