package rollup

// Merge returns the roll-up of the events that files have on the days [first,
// last], counted since 1970-01-01 UTC, and how many events these are. Beside the files
// it takes the memory of one day's users, of one day's properties of one type, and twice
// that of the result. The error is ErrNoProperties for files of versions that do not
// know them.
func Merge(project int64, files []*File, first, last int32) (data []byte, events uint64, err error) {
	m := merger{numbers: map[*File][]uint32{}}
	v, err := NewView(files)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range v.between(first, last) {
		buckets := map[string]*bucket{}
		for _, r := range d.refs {
			if err := m.gather(r, buckets); err != nil {
				return nil, 0, err
			}
		}
		if err := m.day(d.day, buckets, m.table.names, m.count); err != nil {
			return nil, 0, err
		}
	}
	return m.bytes(project), m.events, nil
}

// merger is an encoder of what files have.
type merger struct {
	encoder
	table   table              // of all files
	numbers map[*File][]uint32 // in it, of the properties of a file
}

// source is what a file has of a day and type.
type source struct {
	typeProperties
	block   block
	numbers []uint32
}

// gather adds the types of a day to buckets.
func (m *merger) gather(r ref, buckets map[string]*bucket) error {
	block, err := r.quarters()
	if err != nil {
		return err
	}
	properties, err := r.properties(true)
	if err != nil {
		return err
	}
	numbers, known := m.numbers[r.file]
	if !known {
		for _, name := range r.file.names {
			numbers = append(numbers, m.table.number(name))
		}
		m.numbers[r.file] = numbers
	}
	for i, x := range r.types() {
		name := r.file.types[x.eventType-1]
		to := buckets[name]
		if to == nil {
			to = &bucket{first: x.first, last: x.last}
			buckets[name] = to
		}
		to.first, to.last = min(to.first, x.first), max(to.last, x.last)
		to.sources = append(to.sources, source{properties[i], block, numbers})
		events := uint64(0)
		err := block.each(x, 0, quartersOfDay, func(q quarterUsers) (err error) {
			events += q.events
			if more := q.events - q.users; more > 0 {
				to.extra = append(to.extra, quarterCount{q.quarter, more})
			}
			to.pairs, err = q.appendTo(to.pairs)
			return err
		})
		if err != nil {
			return err
		}
		if events != x.events {
			return damagedQuarters(x)
		}
	}
	return nil
}

// count adds the properties of a bucket to the tally.
func (m *merger) count(of *bucket) error {
	for _, s := range of.sources {
		err := s.eachQuarter(s.block, func(k kinded, quarter uint8, events uint64) {
			row := m.tally.row(kindedOf(s.numbers[k.number()], k.kind()))
			m.tally.counts[row][quarter] += events
		})
		if err != nil {
			return err
		}
	}
	return nil
}
