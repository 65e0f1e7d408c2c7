package walk

import (
	"cmp"
	"fmt"
	"slices"

	"eventanalytics/pkg/warehouse/persons"
)

// View is the events of one project: of all its live segments together. It does not
// change: any number of walks may use it at the same time.
type View struct {
	files []*File
	types []string
	users uint32
	// parts are the files by their last events, so that the events of a user that are read
	// from one after the other are mostly in their order: events may arrive late, not early.
	parts []part
	// cuts are the keys that begin blocks of any file, in their order.
	cuts []uint32

	persons *persons.Map
	sent    *View // without persons; nil when it is this one
}

// part is a file in a view.
type part struct {
	*File
	number uint32 // of the file
	// types are the view's numbers of the file's types. Their length is a power of two: of
	// a damaged file, too, each code is one when cut to that.
	types []uint32
	moved *moved // nil in a view without persons
}

// NewView makes the view of the files of a project.
func NewView(files []*File) *View {
	v := &View{files: files}
	for _, f := range files {
		v.types = append(v.types, f.typeNames...)
	}
	slices.Sort(v.types)
	v.types = slices.Compact(v.types)
	for i, f := range files {
		size := 1
		for size < len(f.typeNames) {
			size *= 2
		}
		p := part{File: f, number: uint32(i), types: make([]uint32, size)}
		for local, name := range f.typeNames {
			number, _ := slices.BinarySearch(v.types, name)
			p.types[local] = uint32(number)
		}
		v.parts = append(v.parts, p)
		v.users = max(v.users, f.highest+1)
		v.cuts = append(v.cuts, f.keys...)
	}
	slices.Sort(v.cuts)
	slices.SortStableFunc(v.parts, func(a, b part) int { return cmp.Compare(a.last, b.last) })
	return v
}

// Files are those of the project's segments, in the order in which NewView got them.
func (v *View) Files() []*File { return v.files }

// Unchanged returns ErrFormat when a file was written to since it was checked: what was read
// of it may be wrong. It is asked after a walk, which cannot tell.
func (v *View) Unchanged() error {
	for _, f := range v.files {
		if f.Changed != nil && f.Changed() {
			return fmt.Errorf("%w: it was written to while it was open", ErrFormat)
		}
	}
	return nil
}

// Types are the event types of all files, by code points.
func (v *View) Types() []string { return v.types }

// Users is one more than the highest user key, those of roots without events included.
func (v *View) Users() uint32 { return v.users }
