package sdk

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Report is how all runs went.
type Report struct {
	sdks   []*SDK
	faults []fault
	runs   []*run // the SDKs of one fault after those of another
}

func newReport(chosen []*SDK, only *regexp.Regexp) *Report {
	r := &Report{sdks: chosen}
	for _, f := range faults {
		if only == nil || only.MatchString(f.name) {
			r.faults = append(r.faults, f)
			for _, s := range chosen {
				r.runs = append(r.runs, &run{sdk: s, fault: f})
			}
		}
	}
	return r
}

func (r *Report) failures() (n int) {
	for _, run := range r.runs {
		if len(run.wrong) > 0 {
			n++
		}
	}
	return n
}

// Write prints the table of docs/sdks/README.md.
func (r *Report) Write(w io.Writer) error {
	heading := []string{"SDK"}
	for _, f := range r.faults {
		heading = append(heading, f.name)
	}
	var text strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	row(heading...)
	fmt.Fprintf(&text, "|%s\n", strings.Repeat("---|", len(heading)))
	for i, s := range r.sdks {
		cells := []string{s.Name}
		for j := range r.faults {
			cells = append(cells, r.runs[j*len(r.sdks)+i].cell())
		}
		row(cells...)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// cell is how a run went, in a few characters.
func (r *run) cell() string {
	lost, twice := r.lostAndTwice()
	switch {
	case len(r.wrong) > 0:
		return "**wrong**"
	case lost == 0 && twice == 0:
		return "exact"
	case twice == 0:
		return fmt.Sprintf("−%d", lost)
	case lost == 0:
		return fmt.Sprintf("+%d", twice)
	}
	return fmt.Sprintf("−%d +%d", lost, twice)
}
