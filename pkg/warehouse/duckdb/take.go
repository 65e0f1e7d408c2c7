package duckdb

import (
	"context"
	"fmt"
	"sync"

	driver "github.com/duckdb/duckdb-go/v2"
)

// RowText is a text of an event, which is known by its row.
type RowText struct {
	Segment int    // index in RowQuery.Segments
	Row     uint32 // in the segment's file, from 0
	Text    string
	Missing bool // SQL has NULL
}

// RowFunction is called with texts of events, many at a time, and in several goroutines
// at a time. The texts are valid until it returns. Its error ends the query.
type RowFunction func([]RowText) error

// addRows makes a function known and returns its number.
func (f *functions) addRows(function RowFunction) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rows == nil {
		f.rows = map[int64]RowFunction{}
	}
	f.last++
	f.rows[f.last] = function
	return f.last
}

func (f *functions) getRows(number int64) RowFunction {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.rows[number]
}

// take is a function of SQL for what it does, not for its result: take(place, text,
// number) calls the RowFunction with the number for each vector of events. Rows of a
// result, or lists, would come to Go with an allocation or more for each value. A place
// is a segment and a row, see placeSQL.
type take struct{ *functions }

// placeSQL is an event's place: the number of its segment, counted from first in a
// list of files, in the upper half and the row in the lower.
func placeSQL(first int) string {
	return fmt.Sprintf("((%d + file_index)::BIGINT << 32) + file_row_number AS place", first)
}

// Config returns its signature.
func (take) Config() driver.ScalarFuncConfig {
	text, _ := driver.NewTypeInfo(driver.TYPE_VARCHAR) // primitive types never fail
	number, _ := driver.NewTypeInfo(driver.TYPE_BIGINT)
	return driver.ScalarFuncConfig{
		InputTypeInfos: []driver.TypeInfo{number, text, number}, ResultTypeInfo: number,
		Volatile: true, SpecialNullHandling: true,
	}
}

// Executor returns what evaluates it.
func (t take) Executor() driver.ScalarFuncExecutor {
	return driver.ScalarFuncExecutor{ChunkContextExecutor: t.execute}
}

// taken are the vectors that are being taken: of as many rows as DuckDB's have.
var taken = sync.Pool{New: func() any { s := make([]RowText, 0, driver.GetDataChunkCapacity()); return &s }}

func (t take) execute(ctx context.Context, state *driver.ChunkIteratorState) (err error) {
	defer func() {
		if r := recover(); r != nil { // or the process would end, in C
			err = fmt.Errorf("taking texts of events: %v", r)
		}
	}()
	chunk := state.GetInputChunk()
	if chunk.GetSize() == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	number, err := chunk.GetValue(2, 0) // the same in all rows
	if err != nil {
		return fmt.Errorf("reading the number of a function: %w", err)
	}
	id, _ := number.(int64)
	function := t.getRows(id)
	if function == nil {
		return fmt.Errorf("there is no function %d of rows", id)
	}
	vector, err := chunk.GetVector(1)
	if err != nil {
		return fmt.Errorf("reading texts: %w", err)
	}
	texts, err := driver.GetVectorView[string](vector)
	if err != nil {
		return fmt.Errorf("reading texts: %w", err)
	}
	reused := taken.Get().(*[]RowText)
	rows := (*reused)[:0]
	for i := range texts.Len() {
		value, err := chunk.GetValue(0, i)
		if err != nil {
			return fmt.Errorf("reading a place: %w", err)
		}
		text, ok, err := texts.GetValueBorrowed(i)
		if err != nil {
			return fmt.Errorf("reading texts: %w", err)
		}
		place := value.(int64)
		rows = append(rows, RowText{int(place >> 32), uint32(place), text, !ok})
	}
	err = function(rows)
	clear(rows) // the texts are DuckDB's
	*reused = rows
	taken.Put(reused)
	return err
}
