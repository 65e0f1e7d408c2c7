package userkey

import (
	"strings"

	"eventanalytics/pkg/event"
)

// cache remembers keys: those in use are kept. It has two generations of half
// the size each. When the young one is full it becomes the old one, and what it
// replaces is forgotten; what is found in the old one goes over to the young.
// A list in the order of use would take more than twice the memory.
type cache struct {
	half       int
	young, old generation
}

// generation has the keys of users by project: a map with the project as a part
// of its key is three times as slow.
type generation struct {
	size     int
	projects map[int64]map[string]uint32
}

// projectSize is what a project's map takes, in users.
const projectSize = 2

// longID is how many bytes of its id make a user count as one more: ids may have 800,
// and a million of those would take a gigabyte.
const longID = 64

// newCache makes a cache of up to size users whose ids have fewer bytes than longID.
func newCache(size int) cache {
	return cache{half: size / 2, young: generation{projects: map[int64]map[string]uint32{}}}
}

// find writes the keys it knows of the events' users to keys, and returns the
// indexes of the events for which it knows none.
func (c *cache) find(project int64, events []event.Event, keys []uint32) (missed []int) {
	young, old := c.young.projects[project], c.old.projects[project]
	for i := range events {
		id := events[i].UserID
		key, ok := young[id]
		if !ok {
			if key, ok = old[id]; !ok {
				missed = append(missed, i)
				continue
			}
			c.add(project, id, key)
			young, old = c.young.projects[project], c.old.projects[project]
		}
		keys[i] = key
	}
	return missed
}

// add remembers a key. The user's id is copied: as a part of its batch it would
// keep all of that in memory.
func (c *cache) add(project int64, id string, key uint32) {
	if c.young.size >= c.half {
		c.old, c.young = c.young, generation{projects: map[int64]map[string]uint32{}}
	}
	users := c.young.projects[project]
	if users == nil {
		users = map[string]uint32{}
		c.young.projects[project] = users
		c.young.size += projectSize
	}
	before := len(users)
	users[strings.Clone(id)] = key
	if len(users) > before {
		c.young.size += 1 + len(id)/longID
	}
}
