package syntax

// Grammar says which fields there are in filters and breakdowns.
type Grammar struct {
	field func(names []string) (Field, error)
}

// Everywhere is the grammar of all questions.
var Everywhere = Grammar{fieldOf}

// OfSessions is the grammar of questions about sessions: it also has entry.F and exit.F.
var OfSessions = Grammar{sessionField}
