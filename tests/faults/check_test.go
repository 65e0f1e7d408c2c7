package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// tell writes and reads back the journals of two clients.
func tell(t *testing.T, journals ...[]entry) *story {
	t.Helper()
	dir := t.TempDir()
	var clients []int
	for client, entries := range journals {
		clients = append(clients, client)
		j, err := newJournal(dir, 1, client)
		require.NoError(t, err)
		for _, e := range entries {
			require.NoError(t, j.write(e))
		}
		require.NoError(t, j.close())
	}
	s, err := readStory(dir, 1, clients...)
	require.NoError(t, err)
	return s
}

func TestStory(t *testing.T) {
	t.Parallel()
	rng := newRand(1, 0)
	a, b, c := newEvent(rng, 0), newEvent(rng, 0), newEvent(rng, 1)
	bad := newID(rng)
	s := tell(t,
		[]entry{
			{Upload: 1, Events: []event{a, b}, Invalid: []uuid.UUID{bad}},
			{Upload: 1},
			{Upload: 1, Status: 202, Accepted: 1, Position: "p"},
		},
		[]entry{{Upload: 1, Events: []event{a, c}}, {Upload: 1, Status: 503}})
	require.Equal(t, map[uuid.UUID]bool{a.ID: true, b.ID: true}, s.acknowledged)
	require.Equal(t, map[uuid.UUID]bool{bad: true}, s.refused)
	require.Equal(t, []event{a}, s.sent[a.ID], "sent twice, with one content")
	require.Len(t, s.sent, 3)
	require.Equal(t, []int{2, 4, 1, 2}, []int{s.uploads, s.events, s.accepted, s.unknown})
	require.Equal(t, []string{"p"}, s.positions)
}

// Each way to break the promise is found by the check with its name.
func TestChecksFail(t *testing.T) {
	t.Parallel()
	rng := newRand(2, 0)
	acknowledged, unknown, unsent := newEvent(rng, 0), newEvent(rng, 0), newEvent(rng, 0)
	refused := newEvent(rng, 0)
	s := tell(t, []entry{
		{Upload: 1, Events: []event{acknowledged}, Invalid: []uuid.UUID{refused.ID}},
		{Upload: 1, Status: 202, Accepted: 1},
		{Upload: 2, Events: []event{unknown}},
		{Upload: 2},
	})
	changed := acknowledged
	changed.At = changed.At.Add(time.Microsecond)
	for name, x := range map[string]struct {
		outbox, warehouse []event
		ledger            []event // beside those of the outbox
		check             string  // empty: none fails
	}{
		"all is well":         {outbox: []event{acknowledged}, warehouse: []event{acknowledged}},
		"unknown and stored":  {outbox: []event{acknowledged, unknown}, warehouse: []event{unknown, acknowledged}},
		"lost by ingest":      {check: "acknowledged is stored"},
		"stored unsent":       {outbox: []event{acknowledged, unsent}, check: "stored was sent"},
		"refused and stored":  {outbox: []event{acknowledged, refused}, check: "refused is not stored"},
		"stored changed":      {outbox: []event{changed}, check: "content"},
		"in the ledger alone": {outbox: []event{acknowledged}, ledger: []event{unknown}, check: "ledger"},
		"twice in the outbox": {outbox: []event{acknowledged, acknowledged}, check: "outbox once"},
		"lost by the worker":  {outbox: []event{acknowledged, unknown}, warehouse: []event{unknown}, check: "stored is loaded"},
		"loaded twice":        {outbox: []event{acknowledged}, warehouse: []event{acknowledged, acknowledged}, check: "warehouse once"},
		"loaded changed":      {outbox: []event{acknowledged}, warehouse: []event{changed}, check: "content"},
		"loaded unstored":     {outbox: []event{acknowledged}, warehouse: []event{acknowledged, unknown}, check: "loaded was stored"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := compare(s, x.ledger, x.outbox, x.warehouse)
			if x.check == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, x.check, checkOf(err))
		})
	}
}

// The same for what is stored beside the outbox.
func TestChecksBeside(t *testing.T) {
	t.Parallel()
	rng := newRand(4, 0)
	acknowledged, unknown, bad, refused, unsent := newID(rng), newID(rng), newID(rng), newID(rng), newID(rng)
	s := tell(t, []entry{
		{Upload: 1, Events: []event{newEvent(rng, 0)}, Operations: []uuid.UUID{acknowledged}, Invalid: []uuid.UUID{bad}, SDK: true},
		{Upload: 1, Status: 503},
		{Upload: 1, Status: 200},
		{Upload: 2, Events: []event{newEvent(rng, 0)}, Operations: []uuid.UUID{unknown}, SDK: true},
		{Upload: 2},
		{Upload: 3, Events: []event{newEvent(rng, 0)}, Invalid: []uuid.UUID{refused}},
		{Upload: 3, Status: 202},
	})
	whole := []beside{{operation, acknowledged}, {rejected, bad}}
	for name, x := range map[string]struct {
		stored []beside
		check  string // empty: none fails
	}{
		"all is well":                {stored: whole},
		"unknown and stored":         {stored: append(slices.Clip(whole), beside{operation, unknown})},
		"an operation is lost":       {stored: whole[1:], check: "beside is stored"},
		"not in the quarantine":      {stored: whole[:1], check: "beside is stored"},
		"twice":                      {stored: append(slices.Clip(whole), whole[0]), check: "beside once"},
		"nobody sent it":             {stored: append(slices.Clip(whole), beside{operation, unsent}), check: "beside was sent"},
		"refused and in quarantine":  {stored: append(slices.Clip(whole), beside{rejected, refused}), check: "beside was sent"},
		"an operation in quarantine": {stored: append(slices.Clip(whole), beside{rejected, acknowledged}), check: "beside was sent"},
	} {
		err := (&checker{story: s}).storedBeside(x.stored)
		if x.check == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Error(t, err, name)
		require.Equal(t, x.check, checkOf(err), name)
	}
}

// The same for links.
func TestChecksLinks(t *testing.T) {
	t.Parallel()
	rng := newRand(5, 0)
	one, two, bad := newID(rng), newID(rng), newID(rng)
	all := []beside{{operation, one}, {rejected, bad}, {operation, two}}
	for name, x := range map[string]struct {
		devices []string
		check   string // empty: none fails
	}{
		"all is well":       {devices: []string{deviceOf(two), deviceOf(one)}},
		"one is missing":    {devices: []string{deviceOf(two)}, check: "operations link"},
		"twice":             {devices: []string{deviceOf(two), deviceOf(one), deviceOf(one)}, check: "linked once"},
		"nobody claimed it": {devices: []string{deviceOf(two), deviceOf(one), deviceOf(bad)}, check: "operations link"},
	} {
		err := linkedOnce(all, x.devices)
		if x.check == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Error(t, err, name)
		require.Equal(t, x.check, checkOf(err), name)
	}
}

func compare(s *story, ledger, outbox, warehouse []event) error {
	ids, rows, files := map[uuid.UUID]bool{}, found{}, found{}
	for _, e := range outbox {
		ids[e.ID] = true
		if err := rows.add(e, "outbox"); err != nil {
			return err
		}
	}
	for _, e := range ledger {
		ids[e.ID] = true
	}
	for _, e := range warehouse {
		if err := files.add(e, "warehouse"); err != nil {
			return err
		}
	}
	c := &checker{story: s}
	if err := c.stored(ids, rows); err != nil {
		return err
	}
	return c.loaded(rows, files)
}

// What a client writes is on one line for each event, and comes back as it was.
func TestEncode(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 0))
	var events []event
	for range 50 {
		events = append(events, newEvent(rng, 0))
	}
	var read []struct {
		ID    uuid.UUID `json:"event_id"`
		At    time.Time `json:"occurred_at"`
		User  string    `json:"user_id"`
		Type  string    `json:"event_type"`
		Props json.RawMessage
	}
	body := encode(&upload{events: events, invalid: []uuid.UUID{newID(rng)}})
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(body, []byte(`"properties"`), []byte(`"Props"`)), &read))
	require.Len(t, read, 51)
	for i, e := range events {
		got := read[i]
		if i > 0 { // the invalid one is between the first two
			got = read[i+1]
		}
		require.Equal(t, e, event{got.ID, got.At.UTC(), got.User, got.Type, string(got.Props)})
	}
}

// A seed always plans the same fault, and every fault gets planned.
func TestEveryFaultHasItsTurn(t *testing.T) {
	t.Parallel()
	k := selected(nil)
	turns := map[string]int{}
	for seed := range uint64(2 * len(k.points)) {
		turns[k.of(seed).name]++
	}
	require.Len(t, turns, len(k.points)+len(k.others))
	require.Equal(t, k.of(7).name, selected(nil).of(7).name)
}

// The seed and the fault's name suffice to plan a failed round again.
func TestOneFaultForAnySeed(t *testing.T) {
	t.Parallel()
	all := selected(nil)
	for _, f := range slices.Concat(all.points, all.others) {
		only, err := regexp.Compile("^" + f.name + "$")
		require.NoError(t, err)
		for seed := range uint64(4) {
			require.Equal(t, f.name, selected(only).of(seed).name)
		}
	}
	err := &RoundError{Seed: 25, Round: 102, Fault: "everything killed", Check: "drain", Err: errors.New("late")}
	require.EqualError(t, err, "round 102 (everything killed): drain: late; bin/fault-test --rounds=1 --seed=25 --only='^everything killed$' plans it again")
	require.EqualError(t, &RoundError{Seed: 25, Check: "limiter", Err: errors.New("early")}, "limiter: early")
}
