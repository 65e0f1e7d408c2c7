package sdk

import (
	"github.com/google/uuid"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/identity/links"
)

// Identify claims that an id stood in a field for known users and, unless it is empty, that
// an anonymous id beside it is the same person.
func (d *Draft) Identify(anonymous, known string) {
	if known == "" {
		return
	}
	d.claim(identity.Known, known, "")
	if anonymous != "" && anonymous != known {
		d.claim(identity.Link, anonymous, known)
	}
}

// Link claims that from is to as well, unless from is known.
func (d *Draft) Link(from, to string) { d.both(identity.Link, from, to) }

// Merge claims that from is to as well, even if both are known.
func (d *Draft) Merge(from, to string) { d.both(identity.Merge, from, to) }

func (d *Draft) both(kind identity.Kind, from, to string) {
	if from != "" && to != "" && from != to {
		d.claim(kind, from, to)
	}
}

func (d *Draft) claim(kind identity.Kind, from, to string) {
	d.Claims = append(d.Claims, identity.Claim{Kind: kind, From: from, To: to})
}

// claim takes over the claims of an item that is stored. operation is the id of the
// operation that it is, if it is one.
func (s *settler) claim(d *Draft, index int32, operation uuid.UUID) {
	for _, c := range d.Claims {
		if !identity.Possible(c.From) || c.To != "" && !identity.Possible(c.To) {
			continue
		}
		c.MadeBy = s.protocol.Name
		s.out.Claims = append(s.out.Claims, links.Claim{Claim: c, Project: s.caller.ProjectID, Operation: operation, Place: index})
	}
}
