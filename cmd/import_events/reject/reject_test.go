package reject_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/reject"
)

func row(line int64, text string) reject.Row {
	return reject.Row{File: "a.csv", Line: line, Fault: reject.Fault{Column: "user_id", Code: "invalid-field", Reason: "is wrong"}, Text: []byte(text)}
}

func rows(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return all
}

func TestRowsAfterTheCheckpointAreWrittenAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	f, err := reject.Open(path, 0)
	require.NoError(t, err)
	confirmed, err := f.Append([]reject.Row{row(2, `a,"b`), row(7, "c\nd")})
	require.NoError(t, err)
	_, err = f.Append([]reject.Row{row(9, "not confirmed")})
	require.NoError(t, err)
	require.NoError(t, f.Close())

	f, err = reject.Open(path, confirmed)
	require.NoError(t, err)
	same, err := f.Append(nil)
	require.NoError(t, err)
	require.Equal(t, confirmed, same)
	_, err = f.Append([]reject.Row{row(8, "e")})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, [][]string{
		reject.Header,
		{"2", "user_id", "invalid-field", "is wrong", `a,"b`, "a.csv"},
		{"7", "user_id", "invalid-field", "is wrong", "c\nd", "a.csv"},
		{"8", "user_id", "invalid-field", "is wrong", "e", "a.csv"},
	}, rows(t, path))

	_, err = reject.Open(path, 10_000)
	require.ErrorIs(t, err, reject.ErrShort)
}

func TestANewImportBeginsAnEmptyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	require.NoError(t, os.WriteFile(path, []byte("of last time"), 0o600))
	f, err := reject.Open(path, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoFileExists(t, path)
}

func TestLongRowsAreCut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	w, err := reject.Open(path, 0)
	require.NoError(t, err)
	_, err = w.Append([]reject.Row{{Line: 2, Fault: reject.Fault{Code: "too-large"}, Text: bytes.Repeat([]byte("x"), 3<<20)}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.InDelta(t, 1<<20, info.Size(), 100)
}
