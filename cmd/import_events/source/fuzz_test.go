package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzCSV reads any file as CSV: each record is an event or has a fault, is in the
// file where it says, and has the cells that encoding/csv finds there.
func FuzzCSV(f *testing.F) {
	const header = "event_id,occurred_at,user_id,event_type,properties_json\n"
	for _, file := range []string{
		"", "\n", header, "a,b\n", header + "1,2,3,4\n", header + "1,2,3,4,{}\n\n1,2,3,4,\n", strings.ReplaceAll(header+"1,2,3,4,\n", "\n", "\r\n"),
		header + `1,2,3,4,"{""a"":""b\nc""}"` + "\n", header + `1,2,3,"x`, header + `1,"2"x,3,4,5` + "\n1,2,3,4,{}\n",
		header + "1,2,3,\xff,{}\n", header + `1,2,3,4,{}},{` + "\n", header + `1,2,3,4,"{""a"":1,""a"":2}"` + "\n",
		"user_id,event_type,event_id,occurred_at\n7,\"x\ny\",1,2\n",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := openCSV(&text{plain: bufio.NewReader(bytes.NewReader(file))})
		if err != nil {
			return
		}
		cells := csv.NewReader(bytes.NewReader(file))
		header, err := cells.Read()
		require.NoError(t, err)
		rest, line := file, int64(1)
		for {
			r, err := s.Next()
			row, plainErr := cells.Read()
			if errors.Is(err, io.EOF) {
				require.ErrorIs(t, plainErr, io.EOF)
				return
			}
			require.NoError(t, err)
			require.Greater(t, r.Line, line)
			line = r.Line
			at := bytes.Index(rest, r.Text)
			require.GreaterOrEqual(t, at, 0, "the text is not from the file")
			rest = rest[at+len(r.Text):]
			require.NotEqual(t, r.Event == nil, r.Fault == nil, "an event or a fault")
			if r.Fault == nil {
				require.NoError(t, plainErr)
				sameCells(t, header, row, r.Event)
			} else {
				require.True(t, plainErr != nil || r.Fault.Code == "invalid-utf8" || r.Fault.Code == "malformed-json", "%v", r.Fault)
			}
		}
	})
}

// sameCells requires that an event has the cells of a row, and nothing else.
func sameCells(t *testing.T, header, row []string, event []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(event, &members))
	for i, name := range header {
		if name == properties {
			if row[i] == "" {
				require.NotContains(t, members, name)
			} else {
				require.Equal(t, strings.Trim(row[i], " \t\r\n"), strings.ReplaceAll(string(members[name]), "\r\n", "\n"))
			}
		} else {
			var cell string
			require.NoError(t, json.Unmarshal(members[name], &cell))
			require.True(t, utf8.ValidString(cell))
			// encoding/csv reads CR LF in quotes as LF.
			require.Equal(t, row[i], strings.ReplaceAll(cell, "\r\n", "\n"))
		}
		delete(members, name)
	}
	require.Empty(t, members)
}

// FuzzParquet reads any file as Parquet: it is an error, or has as many rows as it
// says.
func FuzzParquet(f *testing.F) {
	file, err := os.ReadFile("testdata/interleaved.parquet")
	require.NoError(f, err)
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := openParquet(inMemory{bytes.NewReader(file)}, int64(len(file)))
		if err != nil {
			return
		}
		defer s.Close()
		for range 1000 {
			r, err := s.Next()
			if errors.Is(err, io.EOF) {
				done, of := s.Progress()
				require.Equal(t, of, done)
			}
			if err != nil {
				return
			}
			require.NotEqual(t, r.Event == nil, r.Fault == nil, "an event or a fault")
		}
	})
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
