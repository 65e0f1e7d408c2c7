package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
)

// Share is a link, as editors of the project see it.
type Share struct {
	ID         int64      `json:"id" doc:"Id of the share"`
	CreatedBy  string     `json:"created_by" doc:"Name of the user who made it"`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made"`
	ExpiresAt  time.Time  `json:"expires_at" doc:"Until when the link works"`
	Dates      Dates      `json:"dates" enum:"still,moving" doc:"What relative dates are relative to: still: as_of; moving: when they are asked"`
	Version    int64      `json:"version" doc:"The version of the board that the link shows"`
	AsOf       time.Time  `json:"as_of" doc:"When it took that version"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"When the link was last used, to within an hour; null: not yet"`
}

// NewShare is a share that was just made.
type NewShare struct {
	Share
	Secret string `json:"secret" doc:"What the link needs: send it as Authorization: Share …. It is in this answer only"`
}

// maxShares is how many live shares a board may have. Each keeps a copy of the board.
const maxShares = 20

const (
	columns = `s.id, u.username, s.created_at, s.expires_at, CASE WHEN s.moving THEN 'moving' ELSE 'still' END, s.version, s.as_of, s.last_used_at`

	boardSQL = `
SELECT b.name, b.version, b.content, p.timezone
FROM analytics.boards AS b JOIN analytics.projects AS p ON p.id = b.project_id
WHERE b.project_id = $1 AND b.id = $2`

	forgetSQL = `DELETE FROM analytics.shares WHERE board_id = $1 AND expires_at <= now()`

	countSQL = `SELECT count(*) FROM analytics.shares WHERE board_id = $1`

	createSQL = `
WITH s AS (
    INSERT INTO analytics.shares (board_id, hash, name, version, content, moving, created_by, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(days => $8))
    RETURNING *
)
SELECT ` + columns + ` FROM s JOIN analytics.users AS u ON u.id = s.created_by`

	listSQL = `
SELECT ` + columns + `
FROM analytics.shares AS s JOIN analytics.users AS u ON u.id = s.created_by
WHERE s.board_id = $1 AND s.expires_at > now()
ORDER BY s.id`

	updateSQL = `
WITH s AS (
    UPDATE analytics.shares SET name = $3, version = $4, content = $5, as_of = now()
    WHERE board_id = $1 AND id = $2 AND expires_at > now()
    RETURNING *
)
SELECT ` + columns + ` FROM s JOIN analytics.users AS u ON u.id = s.created_by`

	deleteSQL = `DELETE FROM analytics.shares WHERE board_id = $1 AND id = $2 AND expires_at > now()`
)

// Place is a board, and who wants to do something with its shares.
type Place struct{ Project, Board, User int64 }

// Options of a share.
type Options struct {
	Dates Dates
	Days  int // that it works for
}

// Check tells whether what a board shows may be shared, in the transaction that shares it.
// timezone is the project's.
type Check func(ctx context.Context, tx pgx.Tx, timezone string, content Content) error

// Create makes a share of a board as it is, on behalf of an editor.
func Create(ctx context.Context, pool *pgxpool.Pool, at Place, o Options, check Check) (made NewShare, err error) {
	secret, hash := auth.NewShareSecret()
	err = within(ctx, pool, at, "sharing a board", func(tx pgx.Tx, b source) error {
		if err := b.check(ctx, tx, check); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, forgetSQL, at.Board); err != nil {
			return err
		}
		var live int
		if err := tx.QueryRow(ctx, countSQL, at.Board).Scan(&live); err != nil {
			return err
		}
		if live >= maxShares {
			return refusal.New(refusal.Conflict, "too-many-shares", fmt.Sprintf("a board has at most %d shares; delete some", maxShares))
		}
		rows, _ := tx.Query(ctx, createSQL, at.Board, hash, b.name, b.version, b.content, o.Dates == Moving, at.User, o.Days)
		made.Share, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Share])
		return err
	})
	if err != nil {
		return NewShare{}, err
	}
	made.Secret = secret
	return made, nil
}

// List returns the live shares of a board, on behalf of an editor.
func List(ctx context.Context, pool *pgxpool.Pool, at Place) (all []Share, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := find(ctx, tx, at); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, listSQL, at.Board)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Share])
		return err
	})
	return all, wrap("listing shares", err)
}

// Update has a share show its board as it is, which must be the version that the editor knows.
func Update(ctx context.Context, pool *pgxpool.Pool, at Place, id, version int64, check Check) (s Share, err error) {
	err = within(ctx, pool, at, "changing a share", func(tx pgx.Tx, b source) error {
		if b.version != version {
			return refusal.New(refusal.Conflict, refusal.CodeChanged, fmt.Sprintf("the board has version %d, not %d; read it again", b.version, version))
		}
		if err := b.check(ctx, tx, check); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, updateSQL, at.Board, id, b.name, b.version, b.content)
		s, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Share])
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoShare
		}
		return err
	})
	return s, err
}

// Delete revokes a share, on behalf of an editor.
func Delete(ctx context.Context, pool *pgxpool.Pool, at Place, id int64) error {
	return within(ctx, pool, at, "deleting a share", func(tx pgx.Tx, _ source) error {
		tag, err := tx.Exec(ctx, deleteSQL, at.Board, id)
		if err == nil && tag.RowsAffected() == 0 {
			return errNoShare
		}
		return err
	})
}

var (
	errNoBoard = refusal.New(refusal.NotFound, "not-found", "there is no such board")
	errNoShare = refusal.New(refusal.NotFound, "not-found", "there is no such share")
)

// source is the board that is shared.
type source struct {
	name, content, timezone string
	version                 int64
}

func (b source) check(ctx context.Context, tx pgx.Tx, check Check) error {
	var content Content
	if err := json.Unmarshal([]byte(b.content), &content); err != nil {
		return fmt.Errorf("reading a board: %w", err)
	}
	return check(ctx, tx, b.timezone, content)
}

// within runs f in a transaction for an editor of the board's project, while nobody else
// changes the project.
func within(ctx context.Context, pool *pgxpool.Pool, at Place, doing string, f func(pgx.Tx, source) error) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := auth.LockProject(ctx, tx, at.Project); err != nil {
			return err
		}
		b, err := find(ctx, tx, at)
		if err != nil {
			return err
		}
		return f(tx, b)
	})
	return wrap(doing, err)
}

// find reads a board for an editor of its project.
func find(ctx context.Context, tx pgx.Tx, at Place) (b source, err error) {
	role, err := auth.Member(ctx, tx, at.Project, at.User)
	if err != nil {
		return b, err
	}
	if err := role.MayEdit(); err != nil {
		return b, err
	}
	err = tx.QueryRow(ctx, boardSQL, at.Project, at.Board).Scan(&b.name, &b.version, &b.content, &b.timezone)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, errNoBoard
	}
	return b, err
}
