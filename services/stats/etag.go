package stats

import (
	"encoding/base64"
	"strings"
	"time"

	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/question"
)

// entityTag names an answer: while the tag stays the same, so do the rows. The
// project's own version is part of it, not the manifest's, so that an idle
// project's answers stay valid while others load. The tag is weak: position,
// complete_until and response_time_sec change under it. cohorts are those that the
// question names, with their keys. Persons have a version of their own: a question may ask
// for others than the newest.
func entityTag(project int64, name string, q question.Question, cohorts []string, f format, snapshot *replica.Snapshot, stale bool, now time.Time) string {
	clock := ""
	if c, ok := q.(question.ClockDependent); ok {
		clock = c.ClockKey(now, snapshot.CompleteUntil)
	}
	key := question.Key(
		server.APIVersion, project, name, q, cohorts, f.name,
		snapshot.Position.Incarnation, snapshot.ProjectVersion(project), snapshot.Persons(project).Version(), stale, clock,
	)
	return `W/"` + base64.RawURLEncoding.EncodeToString(key[:16]) + `"`
}

// matches compares weakly, as If-None-Match asks for (RFC 9110, 13.1.2).
func matches(ifNoneMatch, tag string) bool {
	for given := range strings.SplitSeq(ifNoneMatch, ",") {
		given = strings.TrimSpace(given)
		if given == "*" || strings.TrimPrefix(given, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
