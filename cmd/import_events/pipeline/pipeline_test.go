package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/pipeline"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/cmd/import_events/upload"
	"eventanalytics/pkg/client"
)

// file opens a file of n events, one per line; what fault returns replaces one.
func file(t *testing.T, n int, fault func(i int) string) source.Source {
	t.Helper()
	var b strings.Builder
	for i := range n {
		line := ""
		if fault != nil {
			line = fault(i)
		}
		if line == "" {
			line = fmt.Sprintf(`{"event_id":"%s","occurred_at":"2025-08-01T00:00:00Z","user_id":%d,"event_type":"view"}`, uuid.New(), i)
		}
		b.WriteString(line + "\n")
	}
	path := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	lines, err := source.Open([]string{path}, source.Options{})
	require.NoError(t, err)
	s := mapping.Reader{Source: lines, Converter: mapping.Native{}}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// configure uploads to a service that accepts everything unless answer intervenes,
// and collects what is confirmed.
func configure(t *testing.T, s source.Source, answer func(w http.ResponseWriter, body []byte) bool) (pipeline.Config, *[]pipeline.Batch) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if answer != nil && answer(w, body) {
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"accepted": %d, "errors": []}`, bytes.Count(body, []byte("\n")))
	}))
	t.Cleanup(server.Close)
	uploader, err := upload.New(client.Config{URL: server.URL, APIKey: "key", RetryFor: time.Minute, Connections: 3}, "import")
	require.NoError(t, err)
	var confirmed []pipeline.Batch
	return pipeline.Config{
		Source: s, Uploader: uploader, BatchEvents: 10, BatchBytes: 1 << 20, Parallel: 3,
		NotAfter: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Confirm:  func(b pipeline.Batch) error { confirmed = append(confirmed, b); return nil },
	}, &confirmed
}

func TestRunConfirmsInOrder(t *testing.T) {
	t.Parallel()
	s := file(t, 95, func(i int) string {
		return map[int]string{3: "{", 17: `{"event_id":1}`, 18: "[]", 94: `{"a":1}{}`}[i]
	})
	cfg, confirmed := configure(t, s, nil)
	require.NoError(t, pipeline.Run(t.Context(), cfg))
	require.Len(t, *confirmed, 10)
	var rejects []string
	last := int64(0)
	for i, b := range *confirmed {
		require.Equal(t, min(10, 96-10*i), b.Records)
		require.Equal(t, b.Records-len(b.Rejects), b.Accepted)
		require.Equal(t, b.Accepted, b.Sent)
		require.GreaterOrEqual(t, b.Progress, last)
		last = b.Progress
		for _, r := range b.Rejects {
			rejects = append(rejects, fmt.Sprint(r.Line, " ", r.Column, " ", r.Code, " ", string(r.Text)))
		}
	}
	require.Equal(t, []string{
		"4  malformed-json {", `18 event_id invalid-uuid {"event_id":1}`, "19  not-an-object []", `95 a unknown-field {"a":1}`, "95 event_id missing-field {}",
	}, rejects)
}

// Lines follow the rules of the API, mistakes have its codes.
func TestLinesAreCheckedAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	valid := func(properties string) string {
		return `{"event_id":"` + uuid.NewString() + `","occurred_at":"2025-08-01T00:00:00Z","user_id":1,"event_type":"view","properties":` + properties + `}`
	}
	for line, want := range map[string]string{
		valid(`{"a":1}`) + " " + valid(`null`):                                         "",
		valid(`{"a":1,"a":2}`):                                                         "duplicate-key",
		valid(`{"a":"` + strings.Repeat("x", 33<<10) + `"}`):                           "too-large",
		valid(`{"a":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`): "too-deep",
		valid(`1`): "invalid-field",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`: "too-large",
		"{\"a\":\xff}": "malformed-json",
	} {
		cfg, confirmed := configure(t, file(t, 1, func(int) string { return line }), nil)
		cfg.Uploader = nil
		require.NoError(t, pipeline.Run(t.Context(), cfg))
		got := ""
		for _, r := range (*confirmed)[0].Rejects {
			got = r.Code
		}
		require.Equal(t, want, got, "%.100s", line)
	}
}

// mapped is a mapping to which the second record is no event.
type mapped struct{ mapping.Native }

func (m mapped) Convert(r *source.Record) {
	m.Native.Convert(r)
	r.Skipped = r.Number == 2
}

func TestWhatMappingsMake(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		s := file(t, 4, func(i int) string {
			if i == 2 {
				return `{"event_id":"` + uuid.NewString() + `","occurred_at":"2025-08-01T00:00:00Z","user_id":"","event_type":"view"}`
			}
			return ""
		})
		s = mapping.Reader{Source: s.(mapping.Reader).Source, Converter: mapped{}}
		cfg, confirmed := configure(t, s, func(w http.ResponseWriter, _ []byte) bool {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"accepted": 1, "errors": [{"index": 1, "field": "event_id", "code": "conflict", "message": "is known"}]}`)
			return true
		})
		cfg.Column, cfg.KeepStored, cfg.Sample = func(field string) string {
			return map[string]string{"user_id": "uid", "event_id": "event_id"}[field]
		}, keep, 1
		require.NoError(t, pipeline.Run(t.Context(), cfg))
		b := (*confirmed)[0]
		require.Equal(t, [4]int{4, 2, 1, 1}, [4]int{b.Records, b.Sent, b.Accepted, b.Skipped})
		require.Len(t, b.Sample, 1)
		require.Equal(t, int64(1), b.Sample[0].Line)
		require.Equal(t, [3]string{"uid", "invalid-field", "user_id: must have 1 to 200 characters"}, [3]string{b.Rejects[0].Column, b.Rejects[0].Code, b.Rejects[0].Reason})
		if keep {
			require.Len(t, b.Rejects, 1)
			continue
		}
		require.Len(t, b.Rejects, 2)
		require.Equal(t, [2]string{"event_id", "conflict"}, [2]string{b.Rejects[1].Column, b.Rejects[1].Code})
		require.NotEmpty(t, b.Rejects[1].File)
	}
}

func TestADryRunSendsNothing(t *testing.T) {
	t.Parallel()
	late := `{"event_id":"` + uuid.NewString() + `","occurred_at":"2026-08-01T00:00:00Z","user_id":1,"event_type":"view"}`
	s := file(t, 25, func(i int) string { return map[int]string{24: late}[i] })
	cfg, confirmed := configure(t, s, func(http.ResponseWriter, []byte) bool { t.Error("a request was sent"); return false })
	cfg.Uploader = nil
	require.NoError(t, pipeline.Run(t.Context(), cfg))
	require.Len(t, *confirmed, 3)
	require.Equal(t, "timestamp-in-future", (*confirmed)[2].Rejects[0].Code)
}

func TestBytesBoundABatch(t *testing.T) {
	t.Parallel()
	cfg, confirmed := configure(t, file(t, 30, nil), nil)
	cfg.BatchBytes = 1
	require.NoError(t, pipeline.Run(t.Context(), cfg))
	require.Len(t, *confirmed, 30)
}

// TestAFailureKeepsThePrefix refuses the fourth batch: the three before it are
// confirmed, none after it is.
func TestAFailureKeepsThePrefix(t *testing.T) {
	t.Parallel()
	cfg, confirmed := configure(t, file(t, 200, nil), func(w http.ResponseWriter, body []byte) bool {
		if !bytes.Contains(body, []byte(`"user_id":35,`)) {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	err := pipeline.Run(t.Context(), cfg)
	var refused *client.Problem
	require.ErrorAs(t, err, &refused)
	require.LessOrEqual(t, len(*confirmed), 3)
}

func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	cfg, confirmed := configure(t, file(t, 1000, nil), func(_ http.ResponseWriter, body []byte) bool {
		if bytes.Contains(body, []byte(`"user_id":0,`)) {
			stop()
		}
		return false
	})
	require.ErrorIs(t, pipeline.Run(ctx, cfg), pipeline.ErrStopped)
	require.NotEmpty(t, *confirmed, "the first batch was in flight")
	require.Less(t, len(*confirmed), 100)
}

func TestAFailedConfirmationEndsTheRun(t *testing.T) {
	t.Parallel()
	cfg, _ := configure(t, file(t, 1000, nil), nil)
	full := errors.New("the disk is full")
	cfg.Confirm = func(pipeline.Batch) error { return full }
	require.ErrorIs(t, pipeline.Run(t.Context(), cfg), full)
}
