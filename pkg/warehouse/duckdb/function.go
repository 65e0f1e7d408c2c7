package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	driver "github.com/duckdb/duckdb-go/v2"
)

// Function makes a text of a text, which is empty where SQL has NULL, as the properties
// of an event without any. ok is false for NULL. The text that it is given is valid
// until it returns.
type Function func(text string) (result string, ok bool)

// functions are those that Go evaluates, for as long as the statements that name them
// run: texts, in SQL text_of(text, number), and conditions, holds(properties, number),
// which is not NULL where the condition holds: the driver writes texts without an
// allocation for each row, but not booleans.
type functions struct {
	mu   sync.RWMutex
	last int64
	all  map[int64]Function
	rows map[int64]RowFunction
}

// addText makes a function known and returns its number.
func (f *functions) addText(text Function) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[int64]Function{}
	}
	f.last++
	f.all[f.last] = text
	return f.last
}

func (f *functions) remove(number int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, number)
	delete(f.rows, number)
}

func (f *functions) get(number int64) Function {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.all[number]
}

// TextOf is the SQL of a function's result for an expression, by the function's number or
// a placeholder for it.
func TextOf(expression, number string) string {
	return "text_of(" + expression + ", " + number + "::BIGINT)"
}

// holdsSQL is the condition with a number, or a placeholder for it.
func holdsSQL(number string) string { return "holds(properties, " + number + "::BIGINT) IS NOT NULL" }

// register adds holds and text_of, which are the same, and take to a database.
func (f *functions) register(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("registering functions: %w", err)
	}
	defer conn.Close()
	for _, name := range []string{"holds", "text_of"} {
		if err := driver.RegisterScalarUDF(conn, name, holds{f}); err != nil {
			return fmt.Errorf("registering functions: %w", err)
		}
	}
	if err := driver.RegisterScalarUDF(conn, "take", take{f}); err != nil {
		return fmt.Errorf("registering functions: %w", err)
	}
	return nil
}

// holds is the function as the driver wants it.
type holds struct{ *functions }

// Config returns its signature.
func (holds) Config() driver.ScalarFuncConfig {
	text, _ := driver.NewTypeInfo(driver.TYPE_VARCHAR) // primitive types never fail
	number, _ := driver.NewTypeInfo(driver.TYPE_BIGINT)
	return driver.ScalarFuncConfig{
		InputTypeInfos: []driver.TypeInfo{text, number}, ResultTypeInfo: text,
		SpecialNullHandling: true, // events without properties have conditions, too
	}
}

// checkEvery is how many events are evaluated before looking whether anyone still
// waits: 2,048 large ones with many conditions take seconds.
const checkEvery = 16

// Executor returns what evaluates it.
func (h holds) Executor() driver.ScalarFuncExecutor {
	return driver.ScalarFuncExecutor{ChunkContextExecutor: h.execute}
}

func (h holds) execute(ctx context.Context, state *driver.ChunkIteratorState) (err error) {
	defer func() {
		if r := recover(); r != nil { // or the process would end, in C
			err = fmt.Errorf("evaluating a function of properties: %v", r)
		}
	}()
	chunk := state.GetInputChunk()
	if chunk.GetSize() == 0 {
		return nil
	}
	number, err := chunk.GetValue(1, 0) // the same in all rows
	if err != nil {
		return fmt.Errorf("reading the number of a function: %w", err)
	}
	id, _ := number.(int64)
	function := h.get(id)
	if function == nil {
		return fmt.Errorf("there is no function %d", id)
	}
	vector, err := chunk.GetVector(0)
	if err != nil {
		return fmt.Errorf("reading properties: %w", err)
	}
	properties, err := driver.GetVectorView[string](vector)
	if err != nil {
		return fmt.Errorf("reading properties: %w", err)
	}
	results, err := driver.GetVectorWriter[string](state.GetResultVector())
	if err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	for row := range properties.Len() {
		if row%checkEvery == 0 && ctx.Err() != nil { // DuckDB would go on to the end of the vector
			return ctx.Err()
		}
		text, _, err := properties.GetValueBorrowed(row) // "" for NULL
		if err != nil {
			return fmt.Errorf("reading properties: %w", err)
		}
		if result, ok := function(text); ok {
			err = results.Set(row, result)
		} else {
			err = results.SetNull(row)
		}
		if err != nil {
			return fmt.Errorf("writing results: %w", err)
		}
	}
	return nil
}
