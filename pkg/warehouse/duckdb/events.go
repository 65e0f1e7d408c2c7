package duckdb

import (
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// relation is what a placeholder stands for.
type relation struct {
	from, to time.Time
	where    func(Columns) string   // or nil
	more     func(Columns) []string // or nil
	key      string                 // user_key
	places   *Places                // or nil
}

// Places tells where events are.
type Places struct{ segments []segment.Segment }

// Of returns the segment that an event is in, and the row of its file.
func (p *Places) Of(place int64) (s segment.Segment, row uint32) {
	return p.segments[place>>32], uint32(place)
}

// sql is a column with the places of events in further segments.
func (p *Places) sql(segments []segment.Segment) string {
	first := len(p.segments)
	p.segments = append(p.segments, segments...)
	return ", " + placeSQL(first)
}

// keyOf is the expression of user_key: one for all of a project's events, or its values
// would not be the same in all queries.
func keyOf(all []segment.Segment) string {
	if slices.ContainsFunc(all, func(s segment.Segment) bool { return s.RollUp == nil }) {
		return "user_id AS user_key" // those of older workers have no keys
	}
	return "user_key"
}

// userKey is keyOf for a project's events in a snapshot, whose users may be persons.
func userKey(s *manifest.Snapshot, project int64, values *values) (string, error) {
	key, people := keyOf(s.Segments(project, time.Time{}, time.Time{})), s.Persons(project)
	switch {
	case people == nil:
		return key, nil
	case key != "user_key":
		return "", ErrNoKeys
	}
	return values.personKey(people), nil
}

// maxConditions is how many different conditions a query's files may have: each is
// planned for itself, and planning cannot be interrupted.
const maxConditions = 8

// events is the relation {{events}} stands for. File names are our own and the
// bounds are numbers; nothing of a request becomes SQL. The bounds are
// literals because DuckDB skips row groups by constants only.
//
// Files for which the same columns are read are read together: each
// file has its own set, and those that are not read do not matter. Where there are
// too many sets, all are read by the columns that every file has.
func (db *DB) events(segments []segment.Segment, r relation, columns Columns) string {
	if len(segments) == 0 {
		more := ""
		if r.more != nil {
			for _, column := range r.more(columns) {
				more += ", " + column
			}
		}
		if r.places != nil {
			more += ", 0::BIGINT AS place"
		}
		return `(SELECT event_id, occurred_at, 0::BIGINT AS us, user_id, user_key, event_type, properties` + more + `
			FROM (SELECT NULL::UUID AS event_id, NULL::TIMESTAMPTZ AS occurred_at,
			NULL::VARCHAR AS user_id, NULL::INTEGER AS user_key, NULL::VARCHAR AS event_type, NULL::VARCHAR AS properties) WHERE false)`
	}
	var reads []string
	for _, p := range db.parts(segments, r.where, r.more, columns) {
		source := readParquet(db.dir, p.segments)
		if r.places != nil {
			p.more += r.places.sql(p.segments)
			source = readRows(db.dir, p.segments)
		}
		reads = append(reads, "SELECT event_id, occurred_at, epoch_us(occurred_at) AS us, user_id, "+r.key+", event_type, properties"+p.more+" FROM "+
			source+" WHERE "+bounds(r.from, r.to)+p.condition)
	}
	return "(" + strings.Join(reads, " UNION ALL ") + ")"
}

// bounds is the condition that events are the project's and in [from, to).
func bounds(from, to time.Time) string {
	condition := "project_id = $project"
	if !from.IsZero() {
		condition += " AND occurred_at >= " + timestamptzLiteral(from)
	}
	if !to.IsZero() {
		condition += " AND occurred_at < " + timestamptzLiteral(to.Add(time.Microsecond-1)) // rounded up
	}
	return condition
}

// part is segments that are read alike.
type part struct {
	more, condition string // SQL that follows the other columns, and the bounds
	columns         Columns
	segments        []segment.Segment
}

// parts sorts segments by how they are read.
func (db *DB) parts(segments []segment.Segment, where func(Columns) string, more func(Columns) []string, columns Columns) []*part {
	partOf := func() *part {
		p := &part{columns: columns}
		if more != nil {
			for _, column := range more(columns) {
				p.more += ", " + column
			}
		}
		if where != nil {
			p.condition = " AND (" + where(columns) + ")"
		}
		return p
	}
	var parts []*part
	known := map[[2]string]*part{}
	for _, s := range segments {
		columns.shredded = s.Shredded
		p := partOf()
		if same := known[[2]string{p.more, p.condition}]; same != nil {
			p = same
		} else {
			parts = append(parts, p)
			known[[2]string{p.more, p.condition}] = p
		}
		p.segments = append(p.segments, s)
	}
	if len(parts) > maxConditions {
		columns.shredded = nil
		all := partOf()
		all.segments = segments
		return []*part{all}
	}
	return parts
}
