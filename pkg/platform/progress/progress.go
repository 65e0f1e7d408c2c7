// Package progress shows how far a long command has got, how fast it is and how
// long it will take: as a bar on a terminal, otherwise as a line a minute.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// lineEvery is the time between lines if there is no terminal.
const lineEvery = time.Minute

// Bytes is the unit that is shown as kB, MB and so on.
const Bytes = "bytes"

// Progress of a command, which consists of steps. A nil Progress shows nothing.
type Progress struct {
	out      io.Writer
	terminal bool
	stop     chan struct{}
	stopped  sync.WaitGroup
	closed   sync.Once

	mu    sync.Mutex
	step  step
	bar   *progressbar.ProgressBar // of the step; nil without a terminal
	begun time.Time                // the step
}

type step struct {
	name, unit string
	start, at  int64 // where it began and where it is
	of         int64 // its end, 0 if unknown
	note       string
}

// New shows progress on out until Close. Nothing is shown before the first step.
func New(out *os.File) *Progress { return newEvery(out, lineEvery) }

func newEvery(out *os.File, every time.Duration) *Progress {
	p := &Progress{out: out, terminal: term.IsTerminal(int(out.Fd())), stop: make(chan struct{})}
	if p.terminal {
		every = min(every, time.Second) // the time left changes even if nothing happens
	}
	p.stopped.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
				p.show()
			}
		}
	})
	return p
}

// Step begins the next step, which ends at of units; 0 if that is not known.
func (p *Progress) Step(name, unit string, of int64) { p.Resume(name, unit, 0, of) }

// Resume is Step for one that is already at start.
func (p *Progress) Resume(name, unit string, start, of int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.step, p.begun = step{name: name, unit: unit, start: start, at: start, of: of}, time.Now()
	if !p.terminal {
		return
	}
	end := of - start
	if of == 0 {
		end = -1 // a spinner
	}
	amounts := progressbar.OptionShowBytes(true)
	if unit != Bytes {
		amounts = func(bar *progressbar.ProgressBar) {
			progressbar.OptionShowIts()(bar)
			progressbar.OptionSetItsString(unit)(bar)
		}
	}
	p.bar = progressbar.NewOptions64(max(end, -1),
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowCount(),
		amounts,
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)
}

// Add says that n more units of the step are done.
func (p *Progress) Add(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(p.step.at + n)
}

// At says that the step is at this unit; note, if not empty, is shown with it.
func (p *Progress) At(at int64, note string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step.note = note
	if p.bar != nil && note != "" {
		p.bar.Describe(p.step.name + ": " + note)
	}
	p.move(at)
}

func (p *Progress) move(at int64) {
	p.step.at = at
	if p.bar != nil {
		done := at - p.step.start
		if p.step.of > 0 {
			done = min(done, p.bar.GetMax64())
		}
		_ = p.bar.Set64(done) // cosmetic
	}
}

// Note shows a message above the bar.
func (p *Progress) Note(format string, args ...any) {
	if p != nil {
		p.Aside(func() { fmt.Fprintf(p.out, format+"\n", args...) })
	}
}

// Aside lets print write lines to the same terminal.
func (p *Progress) Aside(print func()) {
	if p == nil {
		print()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	print()
}

// Close removes the bar; nothing is shown after it. A second Close does nothing.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	p.closed.Do(func() {
		close(p.stop)
		p.stopped.Wait()
		p.clear()
	})
}

func (p *Progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.step.name == "":
	case p.bar != nil:
		_ = p.bar.RenderBlank()
	default:
		fmt.Fprintln(p.out, p.step.line(time.Since(p.begun)))
	}
}

// String is the line that a log would show now.
func (p *Progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step.line(time.Since(p.begun))
}

// line is the step as it is after some time.
func (s *step) line(took time.Duration) string {
	done := s.at - s.start
	rate := float64(done) / max(took.Seconds(), 0.001)
	text := s.name + ": " + s.amount(s.at)
	if s.of > 0 {
		text += fmt.Sprintf(" of %s (%d%%)", s.amount(s.of), 100*min(s.at, s.of)/s.of)
	}
	if s.unit != Bytes {
		text += " " + s.unit
	}
	if s.note != "" {
		text += ", " + s.note
	}
	text += fmt.Sprintf(", %s/s", s.amount(int64(rate)))
	if s.of > 0 && done > 0 {
		left := time.Duration(float64(took) * float64(max(s.of-s.at, 0)) / float64(done))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

func (s *step) amount(n int64) string {
	if s.unit == Bytes {
		return humanize.Bytes(uint64(max(n, 0)))
	}
	return fmt.Sprint(n)
}

type key struct{}

// With returns a context in which From finds p, so that what takes long can say how
// far it is, however deep in a command it is and whether or not somebody looks.
func With(ctx context.Context, p *Progress) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns the Progress of a context, or nil.
func From(ctx context.Context) *Progress {
	p, _ := ctx.Value(key{}).(*Progress)
	return p
}
