package mapping

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/eventid"
)

// ID says how a row's event gets its id: so that the same file, imported again, has the
// same events. One of these is set.
type ID struct {
	Columns []string // with UUIDs
	From    []string // whose values identify a row together
	Row     bool     // the row's number in its file, of which every byte counts
	Content bool     // all the row has, and how many equal rows of its file are before it
	Vendor  *Vendor  // as the service's routes for the vendor's SDKs do

	// Scope separates the ids of From and Content from those of other files.
	Scope string

	equal equalRows
	file  *source.File // whose rows equal has
}

// Vendor derives ids as services/ingest/sdk does, so that an event that came from an SDK
// is known when it comes again in the vendor's export.
type Vendor struct {
	Protocol string
	Column   []string // with the id that the SDK gave the event; without one its content counts
	// Text is what identifies an event if its id is no UUID. Nil for the id alone.
	Text func(in *row.Row, id string) string
	// Space of the project that is imported into.
	Space eventid.Space
}

// scope of ids that are derived from files of any form.
const anyFile = "import"

func (i *ID) of(m *Mapping, r *source.Record, in *row.Row) (string, *reject.Fault) {
	scope := i.Scope
	if scope == "" {
		scope = anyFile
	}
	switch {
	case i.Row:
		text := hex.EncodeToString(r.File.SHA256[:]) + "\x00" + strconv.FormatInt(r.Number, 10)
		return derive(anyFile, eventid.KindRow, text), nil
	case len(i.From) > 0:
		return fromColumns(scope, in, i.From)
	case i.Content:
		return i.content(scope, r), nil
	case i.Vendor != nil:
		return i.vendor(scope, r, in)
	}
	v := in.First(i.Columns...)
	if v.IsEmpty() {
		return "", m.missing("event_id")
	}
	if _, ok := eventid.Sent(v.Text); !ok || v.Kind == row.JSON {
		return "", &reject.Fault{
			Column: m.Column("event_id"), Code: "invalid-uuid",
			Reason: fmt.Sprintf("%s is not a UUID in its 36-character form; --id-from makes one of any columns", clip(v.Text)),
		}
	}
	return v.Text, nil
}

func (i *ID) vendor(scope string, r *source.Record, in *row.Row) (string, *reject.Fault) {
	v := i.Vendor
	if sent := in.First(v.Column...); !sent.IsEmpty() && sent.Text != eventid.Nil {
		if id, ok := eventid.Sent(sent.Text); ok {
			return id.String(), nil
		}
		text := sent.Text
		if v.Text != nil {
			text = v.Text(in, text)
		}
		return v.Space.Derive(v.Protocol, eventid.KindID, text).String(), nil
	}
	return i.content(scope, r), nil
}

func derive(scope, kind, text string) string {
	return eventid.Of(0).Derive(scope, kind, text).String()
}

// fromColumns derives an id of the columns' names and values.
func fromColumns(scope string, in *row.Row, columns []string) (string, *reject.Fault) {
	var b strings.Builder
	found := false
	for _, column := range columns {
		v := in.Get(column)
		found = found || !v.IsEmpty()
		appendKey(&b, column, v)
	}
	if !found {
		return "", &reject.Fault{Column: strings.Join(columns, " or "), Code: "missing-field", Reason: "the row has no value to derive its event_id from"}
	}
	return derive(scope, eventid.KindColumns, b.String()), nil
}

// appendKey appends a column with its length, so that no two lists of values are the same
// text.
func appendKey(b *strings.Builder, column string, v row.Value) {
	key := v.Key()
	fmt.Fprintf(b, "%s\x00%d\x00%s", column, len(key), key)
}

// counts says whether ids depend on the rows before.
func (i *ID) counts() bool { return i.Content || i.Vendor != nil }

// content derives an id of all that the file has in a row, in the order of the columns'
// names.
func (i *ID) content(scope string, r *source.Record) string {
	cells := slices.Clone(r.Row.Cells)
	slices.SortStableFunc(cells, func(a, b row.Cell) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, c := range cells {
		if !c.IsEmpty() {
			appendKey(&b, c.Name, c.Value)
		}
	}
	if i.file != r.File { // ids may not depend on which files are imported together
		i.file, i.equal = r.File, equalRows{}
	}
	nth := i.equal.add(xxhash.Sum64String(b.String()))
	return derive(scope, eventid.KindContent, b.String()+"\x00"+strconv.Itoa(nth))
}

// equalRows counts rows that are equal: three equal events in a file are three, and the
// same file again adds none. It remembers the last half million different rows or more,
// in some 40 MB; of equal rows that are farther apart only one counts. Two rows of the
// same hash would only be numbered as if they were equal.
type equalRows struct {
	new, old map[uint64]int
}

const mostRemembered = 1 << 19

func (e *equalRows) add(row uint64) (nth int) {
	if e.new == nil || len(e.new) >= mostRemembered {
		e.new, e.old = map[uint64]int{}, e.new
	}
	n, known := e.new[row]
	if !known {
		n = e.old[row]
	}
	e.new[row] = n + 1
	return n
}
