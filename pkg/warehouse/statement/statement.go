// Package statement lets through statements of SQL that are known to be harmless. It reads
// the tree that DuckDB's own parser makes of a text (json_serialize_sql, which knows SELECT
// alone), and refuses whatever is not on its lists: kinds of nodes and their members, tables,
// functions, types. What a later DuckDB adds is refused until somebody has looked at it.
//
// It is the first of the walls around a statement; package sandbox has the others.
package statement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// MaxParams is how many values a statement may name.
const MaxParams = 100

// Bounds of a tree: whoever binds and plans it does so recursively.
const (
	maxDepth = 120
	maxNodes = 20_000
)

// RefusedError says what is not let through.
type RefusedError struct {
	// Syntax says that the parser did not understand it, or found no SELECT.
	Syntax  bool
	Message string
	At      int // byte of the text, from 0; -1 where that is not known
}

func (r *RefusedError) Error() string { return r.Message }

// Statement is one that was let through.
type Statement struct {
	Events  bool     // it reads events
	Cohorts []string // that it reads, each once
	Params  int      // values that it names: ? or $1 to $Params
	node    any      // its tree, without places
}

// Check looks at what json_serialize_sql made of a text. The error is a *RefusedError.
func Check(serialized []byte) (*Statement, error) {
	node, err := only(serialized)
	if err != nil {
		return nil, err
	}
	c := checker{params: map[int]bool{}}
	if err := c.query(node, nil); err != nil {
		return nil, err
	}
	for i := range c.params {
		if i > len(c.params) {
			return nil, refuse(nil, fmt.Sprintf("value $%d without the ones before it", i))
		}
	}
	c.found.Params = len(c.params)
	c.found.node = withoutPlaces(node)
	return &c.found, nil
}

// Within returns nil when a text is one SELECT of the columns, in whatever form, of exactly
// the statement: what json_serialize_sql made of the text has its tree as the one subquery
// in FROM. The columns and limit are the caller's own.
func (s *Statement) Within(serialized []byte) error {
	node, err := only(serialized)
	if err != nil {
		return err
	}
	from, _ := object(node)["from_table"].(map[string]any)
	inner := object(from["subquery"])["node"]
	if from["type"] != "SUBQUERY" || !reflect.DeepEqual(withoutPlaces(inner), s.node) {
		return refuse(nil, "a statement that ends before its end, such as by a comment or a parenthesis")
	}
	return nil
}

// only returns the tree of the one statement.
func only(serialized []byte) (any, error) {
	var all struct {
		Error      bool
		Type       string `json:"error_type"`
		Message    string `json:"error_message"`
		Position   string
		Statements []map[string]any
	}
	decoder := json.NewDecoder(bytes.NewReader(serialized))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		return nil, &RefusedError{Syntax: true, Message: "it cannot be parsed", At: -1}
	}
	switch {
	case all.Error && strings.Contains(all.Message, "Only SELECT"):
		return nil, refuse(nil, "anything but one SELECT")
	case all.Error:
		r := &RefusedError{Syntax: true, Message: all.Message, At: -1}
		if at, err := strconv.Atoi(all.Position); err == nil {
			r.At = at
		}
		return nil, r
	case len(all.Statements) != 1:
		return nil, &RefusedError{Message: fmt.Sprintf("%d statements, of which only one can be asked", len(all.Statements)), At: -1}
	}
	for name, value := range all.Statements[0] {
		if name != "node" && name != "named_param_map" && !empty(value) {
			return nil, refuse(nil, "a statement with "+name)
		}
	}
	return all.Statements[0]["node"], nil
}

// refuse makes a *RefusedError about a node.
func refuse(node any, what string) *RefusedError {
	r := &RefusedError{Message: what + " is not allowed", At: -1}
	if n, ok := object(node)["query_location"].(json.Number); ok {
		if at, err := n.Int64(); err == nil && at >= 0 && at < 1<<20 { // the largest number stands for none
			r.At = int(at)
		}
	}
	return r
}

// object returns the members of a node, nil for what is none.
func object(node any) map[string]any {
	members, _ := node.(map[string]any)
	return members
}

// empty says whether a member has nothing that could matter.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !empty(member) {
				return false
			}
		}
		return true
	}
	return false
}

// withoutPlaces returns a tree without where its nodes are in the text.
func withoutPlaces(node any) any {
	switch n := node.(type) {
	case map[string]any:
		members := make(map[string]any, len(n))
		for name, value := range n {
			if name != "query_location" {
				members[name] = withoutPlaces(value)
			}
		}
		return members
	case []any:
		all := make([]any, len(n))
		for i, value := range n {
			all[i] = withoutPlaces(value)
		}
		return all
	}
	return node
}
