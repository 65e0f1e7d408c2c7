package sandbox

import (
	"encoding/json"
	"fmt"
	"time"
)

// job is what a process is asked to do: the first line that it reads.
type job struct {
	SQL     string
	Params  []json.RawMessage
	Zone    string
	Project int64
	From    *int64   // microseconds; events before are left out
	To      *int64   // and those from here on
	Files   []string // absolute paths, of the project alone
	Moved   bool     // some keys have a root: their names follow
	Limits  limits
}

// limits are what the process takes, by its own will.
type limits struct {
	Memory  int64 // bytes, beside what a process of ours takes anyway
	CPU     int64 // seconds
	Threads int
	Rows    int // of the answer
	Cell    int // bytes of one value of it
}

// datum is a line of the tables that follow the job.
type datum struct {
	Key    uint32  `json:",omitempty"`
	Person *string `json:",omitempty"` // of Key
	Cohort string  `json:",omitempty"`
	Member string  `json:",omitempty"` // a person of Cohort
	End    bool    `json:",omitempty"`
}

// reply is a line of the process, unless that begins with [: such a line is a row.
type reply struct {
	Needs   *Needs          `json:",omitempty"`
	Columns []Column        `json:",omitempty"`
	Failed  *StatementError `json:",omitempty"`
	Done    bool            `json:",omitempty"`
}

// Needs says what a statement reads beside events.
type Needs struct {
	Persons bool     // events, whose persons must be known where ids were linked
	Cohorts []string // each once
}

// Kind of a column's values.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer" // of 64 bits
	Number  Kind = "number"  // a double that is finite
	Bool    Kind = "bool"
	JSON    Kind = "json" // a document, of which numbers have their digits
)

// Column of an answer.
type Column struct {
	Name string
	Type string // DuckDB's name of it
	Kind Kind
}

// Value is one of a row: nil, string, int64, float64 or bool, as the column's Kind says; JSON
// is a string.
type Value any

// Reason says why a statement has no answer.
type Reason string

// The reasons.
const (
	Refused Reason = "statement-refused" // it has what the wall does not let through
	Invalid Reason = "statement-invalid" // DuckDB does not understand it, or a value is wrong for it
	Params  Reason = "params"            // the values are not those that it names
	Zone    Reason = "timezone"          // DuckDB does not know it
	Memory  Reason = "memory"            // it needs more than there is
	Rows    Reason = "rows"              // its answer is too long
	Cell    Reason = "cell"              // a value of its answer is too long
	Engine  Reason = "engine"            // DuckDB ended; the message is for the log
)

// StatementError is an error about a statement.
type StatementError struct {
	Reason  Reason
	Message string
	At      int // byte of the statement that it is about, from 0; -1 where that is not known
}

func (f *StatementError) Error() string { return fmt.Sprintf("%s: %s", f.Reason, f.Message) }

// micros is a bound of a job.
func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}
