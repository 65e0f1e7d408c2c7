package engine

import "context"

// MaxIDs is how many ids of a person are named.
const MaxIDs = 100

// People tells which ids belong to one person. Engines count the persons of their events
// themselves; they are told who is asked about, and who is named in answers.
type People interface {
	// Person returns the person that an id belongs to, nil where that has no other ids.
	Person(ctx context.Context, userID string) (*Person, error)
	// Names returns the ids of the roots of all persons with several, by key.
	Names(ctx context.Context) (map[uint32]string, error)
	// Root returns the key of the person that an id with a key belongs to.
	Root(key uint32) uint32
	// IsRoot says whether other ids belong to that of a key.
	IsRoot(key uint32) bool
}

// Person is a person with several ids.
type Person struct {
	// IDs are the root's, by which the person goes in answers, and then the others in the
	// order in which they were first seen: at most MaxIDs.
	IDs []string
	// Keys are those of all ids, that of the root first.
	Keys []uint32
}

// person returns the person of an id, nil where it is the only one.
func (s *Source) person(ctx context.Context, userID string) (*Person, error) {
	if s.People == nil {
		return nil, nil
	}
	return s.People.Person(ctx, userID)
}

// Same says whether two ids belong to one person.
func (s *Source) Same(ctx context.Context, userID, other string) (bool, error) {
	if userID == other {
		return true, nil
	}
	one, err := s.person(ctx, userID)
	if one == nil || err != nil {
		return false, err
	}
	two, err := s.person(ctx, other)
	return two != nil && err == nil && one.Keys[0] == two.Keys[0], err
}
