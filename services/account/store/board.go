package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/share"
	"eventanalytics/services/account/naming"
)

// Board is a page of questions that the members of a project share.
type Board struct {
	BoardSummary
	share.Content
}

// BoardSummary is a board without its tiles.
type BoardSummary struct {
	ID        int64     `json:"id" doc:"Id of the board"`
	Name      string    `json:"name" doc:"Name of the board"`
	Version   int64     `json:"version" doc:"Rises with each change; it is also the ETag"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ChangedAt time.Time `json:"changed_at" doc:"When it was last changed"`
	ChangedBy string    `json:"changed_by" doc:"Name of the user who changed it last"`
}

// BoardChange is what a board is to be.
type BoardChange struct {
	Name string `json:"name" minLength:"1" maxLength:"200" doc:"Name of the board"`
	share.Content
}

// Bounds of a project's boards.
const (
	maxBoards      = 100
	maxBoardBytes  = 48 << 10 // of the content of one
	maxTileText    = 10_000
	maxQuestion    = 8 << 10 // bytes of its parameters
	boardsTogether = 2 << 20
)

const (
	boardsSQL = `
SELECT b.id, b.name, b.version, b.created_at, b.changed_at, u.username
FROM analytics.boards AS b JOIN analytics.users AS u ON u.id = b.changed_by
WHERE b.project_id = $1
ORDER BY b.id`

	boardSQL = `
SELECT b.id, b.name, b.version, b.created_at, b.changed_at, u.username, b.content
FROM analytics.boards AS b JOIN analytics.users AS u ON u.id = b.changed_by
WHERE b.project_id = $1 AND b.id = $2`

	boardsSizeSQL = `SELECT count(*), coalesce(sum(octet_length(content)), 0) FROM analytics.boards WHERE project_id = $1 AND id <> $2`

	createBoardSQL = `
INSERT INTO analytics.boards (project_id, name, content, changed_by) VALUES ($1, $2, $3, $4)
RETURNING id`

	setBoardSQL = `
UPDATE analytics.boards SET name = $3, content = $4, changed_by = $5, changed_at = now(), version = version + 1
WHERE project_id = $1 AND id = $2`

	deleteBoardSQL = `DELETE FROM analytics.boards WHERE project_id = $1 AND id = $2`
)

// Boards lists the boards of a project, on behalf of a member.
func (s *Store) Boards(ctx context.Context, project, user int64) (all []BoardSummary, err error) {
	err = s.within(ctx, project, user, toRead, "listing boards", func(tx pgx.Tx, _ auth.Role) error {
		rows, _ := tx.Query(ctx, boardsSQL, project)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[BoardSummary])
		return err
	})
	return all, err
}

// Board returns a board, on behalf of a member.
func (s *Store) Board(ctx context.Context, project, user, id int64) (b Board, err error) {
	err = s.within(ctx, project, user, toRead, "reading a board", func(tx pgx.Tx, _ auth.Role) error {
		b, err = board(ctx, tx, project, id)
		return err
	})
	return b, err
}

var errNoBoard = refusal.New(refusal.NotFound, "not-found", "there is no such board")

func board(ctx context.Context, tx pgx.Tx, project, id int64) (b Board, err error) {
	var content string
	err = tx.QueryRow(ctx, boardSQL, project, id).Scan(&b.ID, &b.Name, &b.Version, &b.CreatedAt, &b.ChangedAt, &b.ChangedBy, &content)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, errNoBoard
	}
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal([]byte(content), &b.Content)
}

// CreateBoard makes a board, on behalf of an editor.
func (s *Store) CreateBoard(ctx context.Context, project, user int64, change BoardChange) (b Board, err error) {
	content, err := change.check()
	if err != nil {
		return b, err
	}
	err = s.within(ctx, project, user, toEdit, "making a board", func(tx pgx.Tx, _ auth.Role) error {
		if err := boardFits(ctx, tx, project, 0, len(content)); err != nil {
			return err
		}
		var id int64
		if err := tx.QueryRow(ctx, createBoardSQL, project, change.Name, content, user).Scan(&id); err != nil {
			return err
		}
		b, err = board(ctx, tx, project, id)
		return err
	})
	return b, err
}

// SetBoard replaces a board, on behalf of an editor. With a version the board must have it;
// otherwise the refusal has refusal.CodeChanged.
func (s *Store) SetBoard(ctx context.Context, project, user, id int64, version *int64, change BoardChange) (b Board, err error) {
	content, err := change.check()
	if err != nil {
		return b, err
	}
	err = s.changeBoard(ctx, project, user, id, version, "changing a board", func(tx pgx.Tx) error {
		if err := boardFits(ctx, tx, project, id, len(content)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setBoardSQL, project, id, change.Name, content, user); err != nil {
			return err
		}
		b, err = board(ctx, tx, project, id)
		return err
	})
	return b, err
}

// DeleteBoard deletes a board, on behalf of an editor. With a version the board must have it.
func (s *Store) DeleteBoard(ctx context.Context, project, user, id int64, version *int64) error {
	return s.changeBoard(ctx, project, user, id, version, "deleting a board", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, deleteBoardSQL, project, id)
		return err
	})
}

func (s *Store) changeBoard(ctx context.Context, project, user, id int64, version *int64, doing string, change func(pgx.Tx) error) error {
	return s.within(ctx, project, user, toEdit, doing, func(tx pgx.Tx, _ auth.Role) error {
		before, err := board(ctx, tx, project, id)
		if err != nil {
			return err
		}
		if version != nil && *version != before.Version {
			return refusal.New(refusal.Conflict, refusal.CodeChanged, fmt.Sprintf("the board has version %d, and If-Match names %d: %s changed it since; read it again", before.Version, *version, before.ChangedBy))
		}
		return change(tx)
	})
}

func boardFits(ctx context.Context, tx pgx.Tx, project, id int64, size int) error {
	var n, bytes int
	if err := tx.QueryRow(ctx, boardsSizeSQL, project, id).Scan(&n, &bytes); err != nil {
		return err
	}
	if n >= maxBoards {
		return refusal.New(refusal.Conflict, "too-many-boards", fmt.Sprintf("a project has at most %d boards; delete some", maxBoards))
	}
	if bytes+size > boardsTogether {
		return refusal.New(refusal.Conflict, "boards-too-large", fmt.Sprintf("the boards of a project have at most %d bytes together", boardsTogether))
	}
	return nil
}

// check refuses what no board can be, and returns the JSON of its content.
func (c *BoardChange) check() (string, error) {
	if err := naming.Text("name", c.Name, maxName); err != nil {
		return "", err
	}
	for field, text := range map[string]string{"range.from": c.Range.From, "range.to": c.Range.To, "range.timezone": c.Range.Timezone} {
		if text == "" {
			continue
		}
		if err := naming.Text(field, text, maxName); err != nil {
			return "", err
		}
	}
	for i, t := range c.Tiles {
		at := fmt.Sprintf("tiles[%d]", i)
		if slices.ContainsFunc(c.Tiles[:i], func(other share.Tile) bool { return other.ID == t.ID }) {
			return "", refusal.InvalidField("invalid-field", at+".id", "is that of another tile")
		}
		if err := checkTile(at, t); err != nil {
			return "", err
		}
	}
	content, err := json.Marshal(c.Content)
	if err != nil {
		return "", fmt.Errorf("writing a board: %w", err)
	}
	if len(content) > maxBoardBytes {
		return "", refusal.InvalidField("invalid-field", "tiles", fmt.Sprintf("are %d bytes of JSON, at most %d are allowed", len(content), maxBoardBytes))
	}
	return string(content), nil
}

func checkTile(at string, t share.Tile) error {
	if t.Title != "" {
		if err := naming.Text(at+".title", t.Title, maxName); err != nil {
			return err
		}
	}
	if t.Kind == "text" {
		if t.Question != nil {
			return refusal.InvalidField("invalid-field", at+".question", "is not for a text")
		}
		return naming.Lines(at+".text", t.Text, maxTileText)
	}
	if t.Text != "" {
		return refusal.InvalidField("invalid-field", at+".text", "is for the kind text only")
	}
	if t.Question == nil {
		return refusal.InvalidField("missing-field", at+".question", "is required")
	}
	params, err := json.Marshal(t.Question.Params)
	if err != nil {
		return fmt.Errorf("writing parameters: %w", err)
	}
	if len(params) > maxQuestion {
		return refusal.InvalidField("invalid-field", at+".question.params", fmt.Sprintf("are %d bytes of JSON, at most %d are allowed", len(params), maxQuestion))
	}
	return nil
}
