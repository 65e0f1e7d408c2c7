package stats

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/kept"
	"eventanalytics/services/stats/question"
)

const (
	// earlierBytes bounds the memory for who was whom at earlier positions.
	earlierBytes = 32 << 20
	// earlierSize is what one of them takes besides its links.
	earlierSize = 200
)

// identities knows which ids count as one user.
type identities struct {
	pool    *pgxpool.Pool
	tokens  outbox.Tokens
	earlier *kept.Cache[*persons.Map] // by position; they never change
	reading chan struct{}
}

func newIdentities(pool *pgxpool.Pool, tokens outbox.Tokens) *identities {
	return &identities{pool, tokens, kept.New[*persons.Map](earlierBytes), make(chan struct{}, 1)}
}

// counting is what a question was asked to count as a user, where that is not what all
// questions count.
type counting struct {
	Identity string `json:"identity,omitempty" doc:"raw where each id counts as one user"`
	AsOf     string `json:"as_of,omitempty" doc:"Position up to which links between ids count"`
}

func countingOf(output *question.OutputParams) counting {
	c := counting{AsOf: output.AsOf}
	if output.Identity == "raw" {
		c.Identity = output.Identity
	}
	return c
}

// counted returns a snapshot in which those ids are one person that a question wants to
// be, and the token of the position of the last link that counts, empty for none.
func (p *identities) counted(ctx context.Context, s *replica.Snapshot, project int64, output *question.OutputParams) (*replica.Snapshot, string, error) {
	if output.Identity == "raw" {
		if output.AsOf != "" {
			return nil, "", problem.Invalid("invalid-parameter", "as_of", "says up to where links count, and with identity=raw none does")
		}
		return s.WithPersons(nil), "", nil
	}
	linked := ""
	if at := s.Linked(project); !at.IsZero() {
		linked = p.tokens.Encode(project, at.Outbox())
	}
	if output.AsOf == "" {
		return s, linked, nil
	}
	at, err := p.position(project, "as_of", output.AsOf)
	if err != nil {
		return nil, "", err
	}
	if at.Compare(s.Linked(project)) >= 0 {
		return s, linked, nil
	}
	s, err = p.asOf(ctx, s, project, at)
	return s, output.AsOf, err
}

// position reads the token of a position of a project.
func (p *identities) position(project int64, parameter, token string) (links.Position, error) {
	at, err := p.tokens.Decode(project, token)
	if errors.Is(err, outbox.ErrBadToken) {
		return links.Position{}, problem.Invalid("invalid-position", parameter, "is not a position of this project")
	}
	return links.At(at), err
}

// asOf returns a snapshot with the persons of an earlier position.
func (p *identities) asOf(ctx context.Context, s *replica.Snapshot, project int64, at links.Position) (*replica.Snapshot, error) {
	key := fmt.Sprint(at.Incarnation, " ", at.XID)
	m, known := p.earlier.Get(project, key)
	if !known {
		err := p.one(ctx, func() (err error) {
			m, err = manifest.PersonsAsOf(ctx, p.pool, project, at)
			return err
		})
		if err != nil {
			return nil, unread("links", err)
		}
		p.earlier.Keep(project, key, m, earlierSize+m.Bytes())
	}
	return s.WithPersons(map[int64]*persons.Map{project: m}), nil
}

// history tells a question who was whom before.
type history struct {
	*Service
	snapshot *replica.Snapshot // of the question
	project  int64
	src      *engine.Source
	named    []cohort.Place // cohorts that it names
}

// AsOf returns a source in which users are the persons that they were at a position.
func (h *history) AsOf(ctx context.Context, parameter, position string) (*engine.Source, error) {
	if position == "" {
		return h.src, nil
	}
	at, err := h.identities.position(h.project, parameter, position)
	if err != nil {
		return nil, err
	}
	if at.Compare(h.snapshot.Linked(h.project)) >= 0 {
		return h.src, nil
	}
	as, err := h.identities.asOf(ctx, h.snapshot, h.project, at)
	if err != nil {
		return nil, err
	}
	data := dataOf(as, h.project)
	cohorts, _, err := h.cohorts.of(ctx, h.project, h.named, data, as.Persons(h.project))
	if err != nil {
		return nil, err
	}
	return h.asking(as, h.project, h.src.Now, data, cohorts), nil
}

// Changes returns the first changes after a position.
func (h *history) Changes(ctx context.Context, since, until string, most int) ([]engine.Change, error) {
	from, err := h.identities.position(h.project, "since", since)
	if err != nil {
		return nil, err
	}
	to := links.At(h.snapshot.Position)
	if until != "" {
		at, err := h.identities.position(h.project, "until", until)
		if err != nil {
			return nil, err
		}
		if at.Compare(to) < 0 {
			to = at
		}
	}
	return h.identities.changes(ctx, h.project, from, to, most)
}

// changes reads changes of links between two positions.
func (p *identities) changes(ctx context.Context, project int64, from, to links.Position, most int) (changes []engine.Change, err error) {
	var read []links.Change
	err = p.one(ctx, func() error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly} // all statements see the same state
		return pgx.BeginTxFunc(ctx, p.pool, options, func(tx pgx.Tx) error {
			read, err = links.Changes(ctx, tx, project, from, to, most)
			return err
		})
	})
	switch {
	case errors.Is(err, links.ErrTooManyKeys):
		return nil, problem.Invalid("too-large", "limit", err.Error()+"; ask for fewer changes")
	case err != nil:
		return nil, unread("links", err)
	}
	for _, c := range read {
		changes = append(changes, engine.Change{
			Position: p.tokens.Encode(project, c.At.Outbox()), From: c.From, To: c.To, MadeBy: c.MadeBy, TakenBack: c.TakenBack, Of: c.Of, With: c.With,
		})
	}
	return changes, nil
}

// one has links read when nobody else reads any: a project may have millions.
func (p *identities) one(ctx context.Context, read func() error) error {
	select {
	case p.reading <- struct{}{}:
		defer func() { <-p.reading }()
		return read()
	case <-ctx.Done():
		return ctx.Err()
	}
}
