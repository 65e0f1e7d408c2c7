package live

import (
	"strconv"
	"strings"

	"eventanalytics/pkg/outbox"
)

// Cursor is a place between two events of a project: behind all rows of the outbox up to
// Position, or, when Sent is not 0, behind so many events of the row at Position.
type Cursor struct {
	Position outbox.Position
	Sent     int
}

// ID is the cursor as clients have it: the token of its position, with ".n" behind it
// inside a row.
func (c Cursor) ID(tokens outbox.Tokens, project int64) string {
	id := tokens.Encode(project, c.Position)
	if c.Sent > 0 {
		id += "." + strconv.Itoa(c.Sent)
	}
	return id
}

// ParseID reads what ID wrote for the project, or any position's token. The error is
// outbox.ErrBadToken.
func ParseID(tokens outbox.Tokens, project int64, id string) (Cursor, error) {
	token, sent, inside := strings.Cut(id, ".")
	position, err := tokens.Decode(project, token)
	if err != nil || !inside {
		return Cursor{Position: position}, err
	}
	n, err := strconv.Atoi(sent)
	if err != nil || n < 1 || n >= outbox.MaxEvents || strconv.Itoa(n) != sent {
		return Cursor{}, outbox.ErrBadToken
	}
	return Cursor{position, n}, nil
}

// Next is the first position that is behind the cursor.
func (c Cursor) Next() outbox.Position {
	next := c.Position
	if c.Sent == 0 {
		next.Seq++
	}
	return next
}
