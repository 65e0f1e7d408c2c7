package statement

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checker goes through a tree.
type checker struct {
	found  Statement
	params map[int]bool
	nodes  int
	depth  int
}

// scope has the names of the common table expressions that a place can name, in small
// letters.
type scope []string

// member is how a member of a node is looked at.
type member func(c *checker, node, value any, s scope) error

// form is what a kind of node may have. Members that it lacks must be empty.
type form map[string]member

// node looks at the members of a node.
func (c *checker) node(node any, f form, s scope) error {
	c.depth++
	defer func() { c.depth-- }()
	if c.nodes++; c.depth > maxDepth || c.nodes > maxNodes {
		return refuse(node, "a statement that is nested so deeply, or has so many parts,")
	}
	for name, value := range object(node) {
		look, known := f[name]
		if !known {
			if empty(value) || name == "query_location" {
				continue
			}
			return refuse(node, "a node of the kind "+kind(node)+" with "+name)
		}
		if err := look(c, node, value, s); err != nil {
			return err
		}
	}
	return nil
}

// kind names a node.
func kind(node any) string {
	members := object(node)
	class, _ := members["class"].(string)
	name, _ := members["type"].(string)
	return strings.Trim(class+" "+name, " ")
}

// query looks at a SELECT, or several with UNION and the like.
func (c *checker) query(node any, s scope) error {
	name, _ := object(node)["type"].(string)
	f, known := queries[name]
	if !known {
		return refuse(node, "a query of the kind "+name)
	}
	s, err := c.tables(node, s)
	if err != nil {
		return err
	}
	return c.node(node, f, s)
}

// simpleName is a name that no file has: DuckDB reads files for names of tables with a dot.
var simpleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]{0,63}$`)

// tables looks at a query's common table expressions, and returns the scope with their names:
// each can name those before it.
func (c *checker) tables(node any, s scope) (scope, error) {
	all, _ := object(object(node)["cte_map"])["map"].([]any)
	s = slices.Clip(s)
	for _, one := range all {
		name, _ := object(one)["key"].(string)
		value := object(one)["value"]
		if !simpleName.MatchString(name) {
			return nil, refuse(node, "WITH a name that is not of ASCII letters, digits and _")
		}
		if err := c.node(value, withForm, s); err != nil {
			return nil, err
		}
		s = append(s, strings.ToLower(name))
	}
	return s, nil
}

// statement looks at what is in parentheses.
func (c *checker) statement(node any, s scope) error {
	return c.node(node, form{"node": (*checker).aQuery, "named_param_map": plain}, s)
}

// relation looks at what comes after FROM.
func (c *checker) relation(node any, s scope) error {
	name, _ := object(node)["type"].(string)
	f, known := relations[name]
	if !known {
		return refuse(node, "reading from "+name)
	}
	switch name {
	case "BASE_TABLE":
		if err := c.table(node, s); err != nil {
			return err
		}
	case "TABLE_FUNCTION":
		return c.tableFunction(node, f, s)
	}
	return c.node(node, f, s)
}

// table looks at the name of a table.
func (c *checker) table(node any, s scope) error {
	members := object(node)
	for _, qualifier := range []string{"schema_name", "catalog_name"} {
		if !empty(members[qualifier]) {
			return unknownTable(node, fmt.Sprintf("%v.%v", members[qualifier], members["table_name"]))
		}
	}
	name, _ := members["table_name"].(string)
	lower := strings.ToLower(name)
	switch {
	case !simpleName.MatchString(name):
	case slices.Contains(s, lower):
		return nil
	case lower == "events":
		c.found.Events = true
		return nil
	}
	return unknownTable(node, name)
}

func unknownTable(node any, name string) error {
	r := refuse(node, "")
	r.Message = fmt.Sprintf("there is no table %q: a statement reads events, cohort('name') and its own WITH", name)
	return r
}

// tableFunction looks at a function after FROM.
func (c *checker) tableFunction(node any, f form, s scope) error {
	call := object(object(node)["function"])
	name, _ := call["function_name"].(string)
	if call["class"] != "FUNCTION" {
		return refuse(node, "reading from this")
	}
	switch lower := strings.ToLower(name); {
	case lower == "cohort":
		if err := c.cohort(call); err != nil {
			return err
		}
	case !tableFunctions[lower]:
		return refuse(call, "reading from the function "+name)
	}
	members := form{"function": func(c *checker, _, value any, s scope) error { return c.call(value, s) }}
	for name, look := range f {
		members[name] = look
	}
	return c.node(node, members, s)
}

// cohort notes which cohort is read.
func (c *checker) cohort(call map[string]any) error {
	arguments, _ := call["children"].([]any)
	if len(arguments) == 1 {
		if name, ok := text(arguments[0]); ok {
			if !slices.Contains(c.found.Cohorts, name) {
				c.found.Cohorts = append(c.found.Cohorts, name)
			}
			if len(c.found.Cohorts) > maxCohorts {
				return refuse(call, fmt.Sprintf("more than %d cohorts", maxCohorts))
			}
			return nil
		}
	}
	return refuse(call, "cohort of anything but the name of a cohort in quotes, as in cohort('paying'),")
}

// maxCohorts is how many cohorts a statement may read.
const maxCohorts = 10

// text returns the value of a constant that is a string.
func text(node any) (string, bool) {
	members := object(node)
	value := object(members["value"])
	s, ok := value["value"].(string)
	return s, ok && members["class"] == "CONSTANT" && object(value["type"])["id"] == "VARCHAR" && members["alias"] == ""
}

// expression looks at an expression.
func (c *checker) expression(node any, s scope) error {
	class, _ := object(node)["class"].(string)
	f, known := expressions[class]
	if !known {
		return refuse(node, "an expression of the kind "+class)
	}
	if class == "FUNCTION" || class == "WINDOW" {
		name, _ := object(node)["function_name"].(string)
		if !functions[strings.ToLower(name)] {
			return refuse(node, "the function "+strconv.Quote(name))
		}
	}
	return c.node(node, f, s)
}

// call looks at a call whose function is known to be allowed.
func (c *checker) call(node any, s scope) error { return c.node(node, expressions["FUNCTION"], s) }

// parameter notes which value is named.
func (c *checker) parameter(node, value any, _ scope) error {
	name, _ := value.(string)
	n, err := strconv.Atoi(name)
	if err != nil || n < 1 || n > MaxParams || strconv.Itoa(n) != name {
		return refuse(node, "a value that is not ? or $1, $2 and so on")
	}
	c.params[n] = true
	return nil
}
