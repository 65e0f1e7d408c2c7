package loadgen

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eventanalytics/pkg/client"
)

// Report is the outcome of a run's requests.
type Report struct {
	Elapsed time.Duration
	// Sent are the events of requests that were taken, with 202 or, by an SDK's route,
	// 200; what the answers said of them is next. Those of SDKs' routes do not say.
	Sent, Accepted, Duplicates, Rejected int64
	// Statuses counts all requests; 0 is for those without an answer.
	Statuses map[int]int64
	// Unsent are the requests of an open loop that were due but found no free
	// connection before the run ended. Latency leaves them out, and would be worse
	// with them.
	Unsent int64
	// Latency of the requests that were taken, in microseconds.
	Latency *hdrhistogram.Histogram
	// CPU that this process used during the run.
	CPU time.Duration
}

func newReport() *Report {
	return &Report{Statuses: map[int]int64{}, Latency: newHistogram()}
}

func (r *Report) record(status int, events int64, a client.Receipt, took time.Duration) {
	r.Statuses[status]++
	if !taken(status) {
		return
	}
	r.Sent += events
	r.Accepted += int64(a.Accepted)
	r.Duplicates += int64(a.Duplicates)
	r.Rejected += int64(a.Rejected)
	_ = r.Latency.RecordValue(min(took, maxLatency).Microseconds()) // in its bounds
}

// taken says whether a status means that the events of a request are stored.
func taken(status int) bool { return status == http.StatusAccepted || status == http.StatusOK }

func (r *Report) add(other *Report) {
	r.Sent += other.Sent
	r.Accepted += other.Accepted
	r.Duplicates += other.Duplicates
	r.Rejected += other.Rejected
	for status, n := range other.Statuses {
		r.Statuses[status] += n
	}
	r.Latency.Merge(other.Latency)
}

func (r *Report) check() error {
	if told := r.Accepted + r.Duplicates + r.Rejected; told != r.Sent {
		return fmt.Errorf("%w: of %d sent, %d were accepted, %d duplicates and %d rejected: %d", ErrLost,
			r.Sent, r.Accepted, r.Duplicates, r.Rejected, told)
	}
	if r.Sent == 0 {
		return fmt.Errorf("%w (%s)", ErrNothing, r.Answers())
	}
	return nil
}

// Requests is the number of all requests, answered or not.
func (r *Report) Requests() (n int64) {
	for _, count := range r.Statuses {
		n += count
	}
	return n
}

// EventsPerSecond counts the events that were taken.
func (r *Report) EventsPerSecond() float64 { return float64(r.Sent) / r.Elapsed.Seconds() }

// Quantile of the latency of the requests that were taken; q is in percent.
func (r *Report) Quantile(q float64) time.Duration {
	return time.Duration(r.Latency.ValueAtQuantile(q)) * time.Microsecond
}

// Answers lists the statuses: "none: 1, 202: 1000, 429: 3".
func (r *Report) Answers() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		name := strconv.Itoa(status)
		if status == 0 {
			name = "none"
		}
		parts = append(parts, fmt.Sprintf("%s: %d", name, r.Statuses[status]))
	}
	return strings.Join(parts, ", ")
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, values...)...) // the writer keeps its first error for Flush
	}
	line("time", "%.1f s", r.Elapsed.Seconds())
	line("events", "%d: %d accepted, %d duplicates, %d rejected", r.Sent, r.Accepted, r.Duplicates, r.Rejected)
	line("events/s", "%.0f", r.EventsPerSecond())
	line("requests/s", "%.0f", float64(r.Requests())/r.Elapsed.Seconds())
	line("answers", "%s", r.Answers())
	if r.Unsent > 0 {
		line("not sent", "%d requests were due: the service does not keep up, and the latency flatters it", r.Unsent)
	}
	line("latency", "p50 %s, p90 %s, p99 %s, p99.9 %s, max %s",
		r.Quantile(50), r.Quantile(90), r.Quantile(99), r.Quantile(99.9), time.Duration(r.Latency.Max())*time.Microsecond)
	if r.Sent > 0 {
		line("own CPU", "%.2f s per million events", r.CPU.Seconds()/float64(r.Sent)*1e6)
	}
	return t.Flush()
}

// ownCPU is the time this process has used on all cores.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
