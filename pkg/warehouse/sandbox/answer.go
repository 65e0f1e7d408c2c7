package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
)

// columns finds out what the answer looks like.
func (q *query) columns() ([]Column, error) {
	rows, err := q.run("SELECT *", " LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("reading the columns: %w", err)
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{t.Name(), t.DatabaseTypeName(), kindOf(t.DatabaseTypeName())}
	}
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	return columns, rows.Err()
}

// checkColumns says what is wrong with the columns of an answer.
func checkColumns(columns []Column) error {
	if n := len(columns); n == 0 || n > MaxColumns {
		return &StatementError{Refused, fmt.Sprintf("the answer has %d columns, at most %d are allowed", n, MaxColumns), -1}
	}
	bytes, seen := 0, map[string]bool{}
	for i, c := range columns {
		bytes += len(c.Name) + len(c.Type)
		switch {
		case bytes > maxHeader:
			return &StatementError{Refused, fmt.Sprintf("names and types of the answer's columns have more than %d bytes: cast those of long types to VARCHAR", maxHeader), -1}
		case c.Name == "":
			return &StatementError{Invalid, fmt.Sprintf("column %d of the answer has no name: give it one with AS", i+1), -1}
		case seen[c.Name]:
			return &StatementError{Invalid, fmt.Sprintf("two columns of the answer are called %s: give one another name with AS", c.Name), -1}
		case c.Kind == "":
			return &StatementError{Invalid, fmt.Sprintf("column %s of the answer has the type %s, which has no form here: cast it to VARCHAR", c.Name, c.Type), -1}
		}
		seen[c.Name] = true
	}
	return nil
}

// rows passes on each row of the answer.
func (q *query) rows(columns []Column, each func([]any) error) error {
	names, forms := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = fmt.Sprintf("c%d", i) // those of the answer may be anything
		forms[i] = form(c.Type, names[i])
	}
	rows, err := q.run("SELECT "+strings.Join(forms, ", "), fmt.Sprintf("(%s) LIMIT %d", strings.Join(names, ", "), q.job.Limits.Rows+1))
	if err != nil {
		return err
	}
	defer rows.Close()
	cells, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		places[i] = &cells[i]
	}
	for n := 0; rows.Next(); n++ {
		if n == q.job.Limits.Rows {
			return tooManyRows(n)
		}
		if err := rows.Scan(places...); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		for i, cell := range cells {
			text, ok := cell.(string)
			switch {
			case ok && len(text) > q.job.Limits.Cell:
				return &StatementError{Cell, fmt.Sprintf("a value of column %s has %d bytes, at most %d are allowed", columns[i].Name, len(text), q.job.Limits.Cell), -1}
			case ok && columns[i].Kind == JSON && !json.Valid([]byte(text)): // DuckDB's JSON may have NaN and more
				return &StatementError{Invalid, fmt.Sprintf("a value of column %s is no JSON for others than DuckDB, as with NaN or an infinity in a list: cast it to VARCHAR", columns[i].Name), -1}
			}
		}
		if err := each(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return failure(err, q.before)
	}
	return nil
}

func tooManyRows(most int) error {
	return &StatementError{Rows, fmt.Sprintf("the answer has more than %d rows", most), -1}
}

// kindOf returns the kind of a type's values, "" for one that has no form in answers.
func kindOf(typeName string) Kind {
	switch typeName {
	case "BOOLEAN":
		return Bool
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return Integer
	case "FLOAT", "DOUBLE":
		return Number
	case "UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM", "JSON":
		return JSON
	case "VARCHAR", "UUID", "ENUM", "DATE", "TIME", "TIMETZ", "TIME_NS", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ", "INTERVAL", "BLOB", "BIT", "NULL", "SQLNULL":
		return Text
	}
	if strings.HasPrefix(typeName, "DECIMAL") || nested(typeName) {
		return JSON
	}
	return ""
}

func nested(typeName string) bool {
	return strings.HasSuffix(typeName, "]") || strings.HasPrefix(typeName, "STRUCT(") || strings.HasPrefix(typeName, "MAP(") || strings.HasPrefix(typeName, "UNION(") || typeName == "VARIANT"
}

// form is an expression for a column's values as a text, a number or a boolean of the driver.
func form(typeName, column string) string {
	switch typeName {
	case "BOOLEAN", "VARCHAR":
		return column
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return column + "::BIGINT"
	case "DOUBLE":
		return "CASE WHEN isfinite(" + column + ") THEN " + column + " END"
	case "FLOAT": // 0.1 is 0.1, not what a double makes of it
		return "CASE WHEN isfinite(" + column + ") THEN " + column + "::VARCHAR::DOUBLE END"
	case "TIMESTAMPTZ":
		return "CASE WHEN isfinite(" + column + ") THEN replace((" + column + " AT TIME ZONE 'UTC')::VARCHAR, ' ', 'T') || 'Z' END"
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return "CASE WHEN isfinite(" + column + "::TIMESTAMP) THEN replace(" + column + "::VARCHAR, ' ', 'T') END"
	case "BLOB":
		return "base64(" + column + ")"
	}
	if nested(typeName) {
		return "to_json(" + column + ")::VARCHAR"
	}
	return column + "::VARCHAR"
}
