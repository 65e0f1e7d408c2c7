// Package progress shows how far an import has got: as a bar on a terminal,
// otherwise as a line now and then.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// lineEvery is the time between lines if there is no terminal.
const lineEvery = 10 * time.Second

// Progress of one run. A nil Progress shows nothing.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil without a terminal
	begun time.Time

	mu        sync.Mutex
	began     int64 // records done before this run
	records   int64
	start, at int64 // how much of the file is done, and how much was before this run
	of        int64
	line      time.Time // of the last
}

// New shows progress on out, starting from what earlier runs have done.
func New(out *os.File, records, at, of int64) *Progress {
	p := &Progress{out: out, begun: time.Now(), line: time.Now(), began: records, records: records, start: at, at: at, of: of}
	if term.IsTerminal(int(out.Fd())) {
		p.bar = progressbar.NewOptions64(max(of-at, 1),
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// Done reports how many records are done, and how much of the file.
func (p *Progress) Done(records, at int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records, p.at = records, at
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%d events, %.0f/s", records, p.rate()))
		_ = p.bar.Set64(min(at-p.start, p.bar.GetMax64())) // cosmetic
		return
	}
	if time.Since(p.line) < lineEvery {
		return
	}
	p.line = time.Now()
	fmt.Fprintf(p.out, "%d events, %.0f/s, %d%%, %s left\n", records, p.rate(), 100*at/max(p.of, 1), p.left())
}

// Note shows a message above the bar.
func (p *Progress) Note(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// Close removes the bar.
func (p *Progress) Close() {
	if p != nil && p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *Progress) rate() float64 {
	return float64(p.records-p.began) / max(time.Since(p.begun).Seconds(), 0.001)
}

func (p *Progress) left() time.Duration {
	done := p.at - p.start
	if done <= 0 {
		return 0
	}
	return time.Duration(float64(time.Since(p.begun)) * float64(p.of-p.at) / float64(done)).Round(time.Second)
}
