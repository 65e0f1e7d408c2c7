package sandbox

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"eventanalytics/pkg/warehouse/statement"
)

// parse has DuckDB's own parser make a tree of a text. It makes one of nothing but SELECT.
func (q *query) parse(text string) ([]byte, error) {
	var tree string
	err := q.conn.QueryRowContext(q.ctx, "SELECT json_serialize_sql(?::VARCHAR, skip_default := false, skip_empty := false, skip_null := false)::VARCHAR", text).Scan(&tree)
	if err != nil {
		return nil, failure(err, 0)
	}
	return []byte(tree), nil
}

// maxComments is how many comments there may be: thousands inside of each other take the parser
// half a minute.
const maxComments = 100

// check has the first wall look at the statement, and returns what it needs.
func (q *query) check() (Needs, error) {
	// What ends a statement would end it inside of ours; a comment behind that is refused.
	q.text = strings.TrimRight(q.job.SQL, "; \t\r\n")
	if strings.ContainsRune(q.text, 0) { // DuckDB would take it for the end
		return Needs{}, &StatementError{Refused, "a character NUL is not allowed", -1}
	}
	if strings.Count(q.text, "/*") > maxComments {
		return Needs{}, &StatementError{Refused, fmt.Sprintf("more than %d comments are not allowed", maxComments), -1}
	}
	tree, err := q.parse(q.text)
	if err != nil {
		return Needs{}, err
	}
	if q.tree, err = statement.Check(tree); err != nil {
		return Needs{}, refused(err)
	}
	if q.tree.Params != len(q.args) {
		return Needs{}, &StatementError{Params, fmt.Sprintf("the statement names %d values, params has %d", q.tree.Params, len(q.args)), -1}
	}
	return Needs{Persons: q.tree.Events, Cohorts: q.tree.Cohorts}, nil
}

// run runs the statement inside of a SELECT of ours. What runs is what was checked: the
// tree of the whole has the tree that was let through where ours has the statement.
func (q *query) run(before, after string) (*sql.Rows, error) {
	before += " FROM (\n"
	whole := before + q.text + "\n) AS answer" + after //nolint:gosec // running what people write is what this is for, and it was checked
	tree, err := q.parse(whole)
	if err != nil {
		return nil, err
	}
	if err := q.tree.Within(tree); err != nil {
		return nil, refused(err)
	}
	q.before = len(before)
	rows, err := q.conn.QueryContext(q.ctx, whole, q.args...)
	if err != nil {
		return nil, failure(err, q.before)
	}
	return rows, nil
}

// values are those of a job, as DuckDB binds them.
func values(params []json.RawMessage) ([]any, error) {
	args := make([]any, len(params))
	for i, text := range params {
		v, err := value(text)
		if err != nil {
			return nil, &StatementError{Params, fmt.Sprintf("value %d %s", i+1, err), -1}
		}
		args[i] = v
	}
	return args, nil
}

func value(text json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, errors.New("is not JSON")
	}
	switch v := v.(type) {
	case nil, string, bool:
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		if x, err := v.Float64(); err == nil {
			return x, nil
		}
		return nil, errors.New("is out of range")
	}
	return nil, errors.New("is not a string, a number, true, false or null")
}

// refused makes a *StatementError of what the first wall says.
func refused(err error) error {
	var r *statement.RefusedError
	if !errors.As(err, &r) {
		return err
	}
	f := &StatementError{Refused, r.Message, r.At}
	if r.Syntax {
		f.Reason, f.Message = Invalid, clean(r.Message)
	}
	return f
}
