package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var sample = Bars{
	Title: "Uncached answers", Axis: "p50, ms, logarithmic", Series: []string{"service", "DuckDB", "ClickHouse"},
	Rows: []Row{
		{"dau, 30 days", []float64{0.26, 12.4, 40}},
		{"retention, daily, 30 cohorts × 30 windows", []float64{8.5, 1234, 99}},
		{"dau, 30 days, a common property", []float64{35, 6.5, 11}},
	},
}

func TestChartSaysWhatItShows(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "images")
	require.NoError(t, sample.Write(folder, "p50"))
	for kind, text := range map[string]string{"light": "rgb(31,35,40)", "dark": "rgb(240,246,252)"} {
		svg, err := os.ReadFile(filepath.Join(folder, "p50-"+kind+".svg"))
		require.NoError(t, err)
		require.Contains(t, string(svg), text, kind)
		words := texts(t, svg)
		require.Subset(t, slices.Collect(maps.Keys(words)), append(sample.Series, sample.Title, sample.Axis, "0.1", "1", "10", "100", "1000", "10000"))
		for i, row := range sample.Rows { // from top to bottom, each with its own values
			require.Contains(t, words, row.Name)
			if i > 0 {
				require.Less(t, words[sample.Rows[i-1].Name], words[row.Name])
			}
			for _, v := range row.Values {
				require.Contains(t, words, short(v))
				require.InDelta(t, words[row.Name], words[short(v)], barHeight*float64(len(sample.Series)), "%s: %v", row.Name, v)
			}
		}
	}
}

func TestChartIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	for name, theme := range themes {
		once, err := sample.svg(theme)
		require.NoError(t, err)
		for range 20 {
			again, err := sample.svg(theme)
			require.NoError(t, err)
			require.Equal(t, string(once), string(again), name)
		}
	}
}

func TestChartRefusesWhatHasNoBar(t *testing.T) {
	t.Parallel()
	for message, b := range map[string]Bars{
		"there is nothing to draw": {Series: []string{"a"}},
		"has 1 values for 2":       {Series: []string{"a", "b"}, Rows: []Row{{"x", []float64{1}}}},
		"which has no logarithm":   {Series: []string{"a"}, Rows: []Row{{"x", []float64{0}}}},
	} {
		require.ErrorContains(t, b.Write(t.TempDir(), "bad"), message)
	}
}

// texts are those of an SVG's text elements, with their distance from the top.
func texts(t *testing.T, svg []byte) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" {
			var text struct {
				Y     float64 `xml:"y,attr"`
				Words string  `xml:",chardata"`
			}
			require.NoError(t, decoder.DecodeElement(&text, &start))
			found[text.Words] = text.Y
		}
	}
}
