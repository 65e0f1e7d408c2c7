// Package chart draws what the benchmarks print, as SVG for light and dark pages. The
// same figures give the same bytes.
package chart

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-analyze/charts"
)

// Bars is a chart of horizontal bars on a logarithmic axis, because what is compared
// differs by orders of magnitude. Each bar has its value written at its end.
type Bars struct {
	Title  string
	Axis   string   // what the values are, with their unit
	Series []string // bars of a row
	Rows   []Row
}

// Row is a group of bars, drawn from top to bottom.
type Row struct {
	Name   string
	Values []float64 // above 0, one for each series
}

// theme is a page's colours: those of GitHub, where the charts are read.
type theme struct {
	dark                   bool
	background, text, line string
	series                 []string
}

var themes = map[string]theme{
	"light": {false, "#ffffff", "#1f2328", "#d1d9e0", []string{"#0969da", "#bf8700", "#cf222e", "#8250df"}},
	"dark":  {true, "#0d1117", "#f0f6fc", "#3d444d", []string{"#4493f8", "#d29922", "#f85149", "#ab7df8"}},
}

// Write draws the chart twice, as <folder>/<name>-light.svg and <name>-dark.svg.
func (b Bars) Write(folder, name string) error {
	for _, kind := range []string{"light", "dark"} {
		svg, err := b.svg(themes[kind])
		if err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+"-"+kind+".svg"), svg, 0o644); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
	}
	return nil
}

// check also returns the powers of ten between which the values are.
func (b Bars) check() (low, high float64, err error) {
	if len(b.Series) == 0 || len(b.Rows) == 0 {
		return 0, 0, errors.New("there is nothing to draw")
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, row := range b.Rows {
		if len(row.Values) != len(b.Series) {
			return 0, 0, fmt.Errorf("%s has %d values for %d series", row.Name, len(row.Values), len(b.Series))
		}
		for _, v := range row.Values {
			if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
				return 0, 0, fmt.Errorf("%s has the value %v, which has no logarithm", row.Name, v)
			}
			least, most = min(least, v), max(most, v)
		}
	}
	low, high = math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if low == math.Log10(least) { // its bar would have no length
		low--
	}
	return low, high, nil
}

// Sizes in pixels.
const (
	width     = 960
	barHeight = 13
	rowGap    = 10
	frame     = 130 // title, legend, axis
	// slack is for pages whose font is wider than the one that the widths are of.
	slack = 32
)

func (b Bars) svg(t theme) ([]byte, error) {
	low, high, err := b.check()
	if err != nil {
		return nil, err
	}
	style := charts.FontStyle{FontSize: 11, FontColor: charts.ParseColor(t.text)}
	height := frame + len(b.Rows)*(len(b.Series)*barHeight+rowGap)
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height})
	names := make([]string, len(b.Rows))
	series := make(charts.BarSeriesList, len(b.Series))
	for i := range b.Rows { // the axis begins below
		names[len(names)-1-i] = b.Rows[i].Name
	}
	for s := range series {
		series[s] = charts.BarSeries{
			Name: b.Series[s], Values: make([]float64, len(b.Rows)),
			Label: charts.SeriesLabel{Show: charts.Ptr(true), FontStyle: charts.FontStyle{FontSize: 8, FontColor: style.FontColor}, ValueFormatter: func(v float64) string {
				return short(math.Pow(10, v+low))
			}},
		}
		for i, row := range b.Rows {
			series[s].Values[len(names)-1-i] = math.Log10(row.Values[s]) - low
		}
	}
	err = p.BarChart(charts.BarChartOption{
		Theme: t.palette(), Horizontal: true, SeriesList: series, Padding: charts.NewBox(16+slack, 16, 16, 16),
		Title:  charts.TitleOption{Text: b.Title, FontStyle: charts.FontStyle{FontSize: 14, FontColor: style.FontColor}},
		Legend: charts.LegendOption{SeriesNames: b.Series, FontStyle: style, Offset: charts.OffsetStr{Left: charts.PositionRight}, Symbol: charts.SymbolSquare},
		ValueAxis: []charts.ValueAxisOption{{
			Title: b.Axis, TitleFontStyle: style, LabelFontStyle: style,
			Min: charts.Ptr(0.0), Max: charts.Ptr(high - low), LabelCount: int(high-low) + 1,
			ValueFormatter: func(v float64) string { return short(math.Pow(10, v+low)) },
		}},
		CategoryAxis: charts.CategoryAxisOption{Labels: names, LabelFontStyle: style, LabelOffset: charts.OffsetInt{Left: -slack}},
	})
	if err != nil {
		return nil, err
	}
	return p.Bytes()
}

func (t theme) palette() charts.ColorPalette {
	colors := make([]charts.Color, len(t.series))
	for i, c := range t.series {
		colors[i] = charts.ParseColor(c)
	}
	line, text := charts.ParseColor(t.line), charts.ParseColor(t.text)
	return charts.MakeTheme(charts.ThemeOption{
		IsDarkMode: t.dark, AxisStrokeColor: line, AxisSplitLineColor: line, BackgroundColor: charts.ParseColor(t.background),
		TextColor: text, SeriesColors: colors,
	})
}

// short writes a number with at most three significant digits.
func short(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
