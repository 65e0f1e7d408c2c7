package walk

import (
	"context"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/session"
)

// sessionCell is what the sessions of a bucket and group come to.
type sessionCell struct {
	sessions, users, events, bounces int64
	last                             int64 // user counted last, and 1
	lengths                          session.Lengths
}

// sessionCells are those of the users of one goroutine.
type sessionCells struct {
	memory
	fields []sessionField
	groups map[combination]int // their places, as far as they are known
	places map[string]int      // of the groups that are told apart, by their keys
	width  int                 // places in a bucket
	rest   int                 // of the other groups; -1: there are no groups
	all    int                 // of everything; -1: it is not asked for
	cells  []*sessionCell      // by bucket, then by place
}

// cells counts the sessions of each bucket, by group.
func (s *sessions) cells(ctx context.Context, groups []engine.Group) ([]engine.SessionCell, error) {
	places := map[string]int{}
	for i, g := range groups {
		places[g.Key()] = i
	}
	width, rest, all := 1, -1, 0 // without a breakdown
	if len(s.Breakdown) > 0 {
		width, rest, all = len(groups)+1, len(groups), -1
		if s.Total {
			all = width
			width++
		}
	}
	var parts []*sessionCells
	err := s.each(ctx, func(fields []sessionField) counted {
		part := &sessionCells{
			memory: memory{budget: s.budget}, fields: fields, groups: map[combination]int{}, places: places,
			width: width, rest: rest, all: all, cells: make([]*sessionCell, width*len(s.line.buckets)),
		}
		parts = append(parts, part)
		return part.count
	})
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	result := engine.NewResult[engine.SessionCell](ctx)
	for at := range parts[0].cells {
		var sum *sessionCell
		for _, part := range parts {
			sum = merged(sum, part.cells[at])
		}
		if sum == nil {
			continue
		}
		group := at % width
		switch group {
		case all:
			group = engine.All
		case rest:
			group = engine.Rest
		}
		cell := engine.SessionCell{
			Bucket: s.line.buckets[at/width], Group: group, Sessions: sum.sessions, Users: sum.users, Events: sum.events, Bounces: sum.bounces,
			AvgSeconds: sum.lengths.Avg(), MedianSeconds: sum.lengths.Median(),
		}
		if err := result.Add(cell); err != nil {
			return nil, err
		}
	}
	return result.Rows, nil
}

// count counts a session.
func (c *sessionCells) count(user uint32, bucket int, v *visit) error {
	if c.all >= 0 {
		if err := c.add(bucket*c.width+c.all, user, v); err != nil {
			return err
		}
	}
	if c.rest < 0 {
		return nil
	}
	place, err := c.place(v.of)
	if err != nil {
		return err
	}
	return c.add(bucket*c.width+place, user, v)
}

// place returns where a combination of values is counted.
func (c *sessionCells) place(of combination) (int, error) {
	place, known := c.groups[of]
	if known {
		return place, nil
	}
	place, told := c.places[groupOf(c.fields, of).Key()]
	if !told {
		place = c.rest
	}
	c.groups[of] = place
	return place, c.spend(groupBytes)
}

func (c *sessionCells) add(at int, user uint32, v *visit) error {
	cell := c.cells[at]
	if cell == nil {
		cell = new(sessionCell)
		c.cells[at] = cell
		if err := c.spend(cellBytes); err != nil {
			return err
		}
	}
	cell.sessions++
	cell.events += int64(v.events)
	if v.events == 1 {
		cell.bounces++
	}
	if cell.last != int64(user)+1 {
		cell.last = int64(user) + 1
		cell.users++
	}
	return c.spend(cell.lengths.Add(v.us))
}

// merged adds a cell of other users to one; either may be nil.
func merged(to, from *sessionCell) *sessionCell {
	switch {
	case to == nil:
		return from
	case from == nil:
		return to
	}
	to.sessions += from.sessions
	to.users += from.users
	to.events += from.events
	to.bounces += from.bounces
	to.lengths.Merge(&from.lengths)
	return to
}
