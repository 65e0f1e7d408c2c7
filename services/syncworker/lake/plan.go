package lake

import (
	"github.com/apache/iceberg-go"

	"eventanalytics/pkg/warehouse/segment"
)

// manifestFiles is the maximum number of files that a manifest lists: how many a commit
// writes again to add one.
const manifestFiles = 1000

// file is a segment's Parquet file as manifests list it.
type file struct {
	path          string // below the warehouse folder
	events, bytes int64
	first, last   int64 // occurred_at, in microseconds since 1970
	// What listed it first: its snapshot, and the number of that in the table.
	snapshot, sequence int64
}

func fileOf(s *segment.Segment) file {
	return file{path: s.Path, events: s.Events, bytes: s.Bytes, first: s.MinAt.UnixMicro(), last: s.MaxAt.UnixMicro()}
}

// listed is a manifest with the files that it lists, without those that it says were deleted.
type listed struct {
	manifest iceberg.ManifestFile
	files    []file
}

// draft is a manifest to be written.
type draft struct{ added, existing, deleted []file }

// difference is what a commit changes: the manifests that stay as they are, and those to be
// written beside them.
type difference struct {
	stay    []listed
	write   []draft
	added   []file
	deleted []file
}

func (d *difference) empty() bool { return len(d.added) == 0 && len(d.deleted) == 0 }

// diff compares manifests with the segments that are live. A manifest that lists one that is
// gone is written again, and so are small ones, with what is new: there are never many, and
// a commit writes few of the files that it does not change.
func diff(manifests []listed, live []segment.Segment, most int) difference {
	wanted := make(map[string]bool, len(live))
	for i := range live {
		wanted[live[i].Path] = true
	}
	var d difference
	var small []listed
	var existing []file
	for _, m := range manifests {
		var stays []file
		gone := len(d.deleted)
		for _, f := range m.files {
			if wanted[f.path] {
				stays = append(stays, f)
				delete(wanted, f.path)
			} else {
				d.deleted = append(d.deleted, f)
			}
		}
		switch {
		case len(d.deleted) > gone:
			existing = append(existing, stays...)
		case len(m.files) <= most/2:
			small = append(small, m)
		default:
			d.stay = append(d.stay, m)
		}
	}
	for i := range live {
		if wanted[live[i].Path] { // no manifest has it
			d.added = append(d.added, fileOf(&live[i]))
		}
	}
	if d.empty() {
		return difference{stay: manifests}
	}
	for _, m := range small {
		existing = append(existing, m.files...)
	}
	d.write = drafts(existing, d.added, d.deleted, most)
	return d
}

// drafts divides files among manifests of at most most.
func drafts(existing, added, deleted []file, most int) (all []draft) {
	for len(existing)+len(added)+len(deleted) > 0 {
		var next draft
		room := most
		next.existing, existing, room = take(existing, room)
		next.added, added, room = take(added, room)
		next.deleted, deleted, _ = take(deleted, room)
		all = append(all, next)
	}
	return all
}

func take(files []file, room int) (taken, rest []file, left int) {
	n := min(len(files), room)
	return files[:n], files[n:], room - n
}

func count(files []file) (events, bytes int64) {
	for _, f := range files {
		events, bytes = events+f.events, bytes+f.bytes
	}
	return events, bytes
}
