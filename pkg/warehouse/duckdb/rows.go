package duckdb

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/warehouse/segment"
)

// RowQuery is about the events of a project by their rows in the files of segments.
type RowQuery struct {
	Project  int64
	Segments []segment.Segment // the files that are read
	// From and To bound the events: occurred_at is in [From, To). Zero values do not.
	From, To time.Time
	// Where, if not nil, returns a condition as in Query.
	Where func(Columns) string
}

// rowsPage is how many rows of a file DuckDB makes one bitmap of: memory is taken for
// those parts of files alone that have such events.
const rowsPage = 1 << 16

// Rows returns, of each segment, the rows of the events that a query is about. It runs
// as Run does.
func (db *DB) Rows(ctx context.Context, q RowQuery) ([]*roaring.Bitmap, error) {
	found := make([]*roaring.Bitmap, len(q.Segments))
	for i := range found {
		found[i] = roaring.New()
	}
	if len(q.Segments) == 0 {
		return found, nil
	}
	values := db.newValues(q.Project)
	defer values.release()
	page := func(first int) string {
		return fmt.Sprintf("%d + file_index AS segment, file_row_number // %d AS page, file_row_number %% %[2]d AS row", first, rowsPage)
	}
	events, order := db.rowsSQL(q, page, values, nil)
	text := fmt.Sprintf("SELECT segment, page, bitstring_agg(row, 0, %d) FROM %s GROUP BY segment, page", rowsPage-1, events)
	err := db.execute(ctx, q.Project, q.Segments, text, values, func(r *sql.Rows) error {
		var segment, page int
		var rows driver.Bit
		if err := r.Scan(&segment, &page, &rows); err != nil {
			return fmt.Errorf("reading rows: %w", err)
		}
		return addPage(found[order[segment]], page, rows.Data)
	})
	return found, err
}

// addPage adds the rows of a page: a byte that says how many of the bits are padding,
// here none, and then the bits, the first row in the highest bit of a byte.
func addPage(to *roaring.Bitmap, page int, data []byte) error {
	if len(data) != 1+rowsPage/8 || data[0] != 0 {
		return fmt.Errorf("a page of rows has %d bytes", len(data))
	}
	words := make([]uint64, rowsPage/64)
	for i := range words {
		// Reverse turns the order of the bytes around as well.
		words[i] = bits.Reverse64(binary.BigEndian.Uint64(data[1+8*i:]))
	}
	to.Or(roaring.AddOffset(roaring.FromDense(words, false), uint32(page)*rowsPage))
	return nil
}

// EachText calls functions with a text of each event that a query is about: of says for
// columns that files have which text, as an expression, and what takes it, always the
// same for the same expression. It runs as Run does.
func (db *DB) EachText(ctx context.Context, q RowQuery, of func(Columns) (expression string, take RowFunction)) error {
	values := db.newValues(q.Project)
	defer values.release()
	var order []int
	numbers := map[string]string{} // placeholders by expression
	more := func(c Columns) []string {
		expression, take := of(c)
		if numbers[expression] == "" {
			numbers[expression] = values.addRows(func(rows []RowText) error {
				for i := range rows {
					rows[i].Segment = order[rows[i].Segment]
				}
				return take(rows)
			})
		}
		return []string{"(" + expression + ")::VARCHAR AS text", numbers[expression] + "::BIGINT AS number"}
	}
	if len(q.Segments) == 0 {
		return nil
	}
	var events string
	events, order = db.rowsSQL(q, placeSQL, values, more)
	text := "SELECT count(take(place, text, number)) FROM " + events
	return db.execute(ctx, q.Project, q.Segments, text, values, func(*sql.Rows) error { return nil })
}

// rowsSQL is a relation of the events that a query is about: with their place, and with
// more columns. The segments have other numbers in it: order has their indexes.
func (db *DB) rowsSQL(q RowQuery, place func(first int) string, values *values, more func(Columns) []string) (sql string, order []int) {
	index := map[string]int{} // by path
	for i, s := range q.Segments {
		index[s.Path] = i
	}
	var reads []string
	for _, p := range db.parts(q.Segments, q.Where, more, values.columns()) {
		reads = append(reads, "SELECT "+place(len(order))+p.more+" FROM "+readRows(db.dir, p.segments)+" WHERE "+bounds(q.From, q.To)+p.condition)
		for _, s := range p.segments {
			order = append(order, index[s.Path])
		}
	}
	return "(" + strings.Join(reads, " UNION ALL ") + ")", order
}
