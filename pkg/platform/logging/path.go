package logging

import "strings"

// maxSegment is the longest part of a path that Unrouted shows: no credential is so short.
const maxSegment = 24

// Unrouted is a path that is no route's, as logs show it. It may hold anything, such as a
// key where a client's library puts it: long parts are left out.
func Unrouted(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if len(part) > maxSegment {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}
