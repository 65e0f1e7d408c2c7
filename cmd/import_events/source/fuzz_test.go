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

	"github.com/stretchr/testify/require"
)

// FuzzCSV reads any file as CSV: each record is in the file where it says, and has the
// cells that encoding/csv finds there, or a fault.
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
		s, err := openCSV(&text{plain: bufio.NewReader(bytes.NewReader(file))}, Options{Dialect: Dialect{Comma: ','}})
		if err != nil {
			return
		}
		cells := csv.NewReader(bytes.NewReader(file))
		header, err := cells.Read()
		require.NoError(t, err)
		require.Len(t, s.(*table).row, len(header))
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
			if r.Fault != nil {
				require.Error(t, plainErr)
				continue
			}
			require.NoError(t, plainErr)
			for i, name := range header {
				cell := r.Row.Cells[i]
				require.Equal(t, name, strings.ReplaceAll(cell.Name, "\r\n", "\n"))
				// encoding/csv reads CR LF in quotes as LF.
				require.Equal(t, row[i], strings.ReplaceAll(cell.Text, "\r\n", "\n"))
				require.Equal(t, row[i] != "", cell.Is())
			}
		}
	})
}

// FuzzJSON reads any file as JSON: each record is in the file where it says, and what
// encoding/json finds in an array is found.
func FuzzJSON(f *testing.F) {
	for _, file := range []string{
		"", "[]", "[", "]", `[{"a":"]"},{"a":1}]`, `[{"a":1},]`, `{"a":1}` + "\n" + `{"a":2}`, "{\n \"a\": [1,\n2]\n}\n{}", `["\"",1,true,null]`, `[1 2]`, `{"a":"x`, `[] []`, "12 [3]",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := openJSON(&text{plain: bufio.NewReaderSize(bytes.NewReader(file), bufferBytes)})
		if err != nil {
			return
		}
		var found []string
		rest, line := file, int64(0)
		for {
			var r Record
			if r, err = s.Next(); err != nil {
				break
			}
			require.GreaterOrEqual(t, r.Line, line)
			line = r.Line
			require.NotEmpty(t, r.Text)
			at := bytes.Index(rest, r.Text)
			require.GreaterOrEqual(t, at, 0, "the text is not from the file")
			require.Equal(t, r.Line, 1+int64(bytes.Count(file[:len(file)-len(rest)+at], []byte("\n"))))
			rest = rest[at+len(r.Text):]
			found = append(found, string(r.Text))
		}
		var all []json.RawMessage
		if json.Unmarshal(file, &all) == nil && bytes.HasPrefix(bytes.TrimSpace(file), []byte("[")) {
			require.ErrorIs(t, err, io.EOF)
			require.Len(t, found, len(all))
			for i := range all {
				require.Equal(t, string(all[i]), found[i])
			}
		}
	})
}

// FuzzParquet reads any file as Parquet: it is an error, or has as many rows as it
// says.
func FuzzParquet(f *testing.F) {
	file, err := os.ReadFile("testdata/interleaved.parquet")
	require.NoError(f, err)
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := openParquet(inMemory{bytes.NewReader(file)}, int64(len(file)), Options{})
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
			require.True(t, json.Valid(r.Text), "%s", r.Text)
		}
	})
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
