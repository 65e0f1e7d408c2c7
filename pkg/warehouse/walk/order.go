package walk

import (
	"bytes"
	"cmp"
	"slices"
)

// record is what an event is ordered by within its user, but for its id.
type record struct {
	us        int64
	eventType uint32
	row       uint32
}

func compareRecords(a, b record) int {
	return cmp.Or(cmp.Compare(a.us, b.us), cmp.Compare(a.eventType, b.eventType))
}

// order returns the rows in the order of user, time, type and id.
func (t *table) order() ([]uint32, error) {
	rows := rowsByUser(t.users)
	var ties [][]uint32 // parts of rows
	var records []record
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && t.users[rows[to]] == t.users[rows[from]] {
			to++
		}
		of := rows[from:to]
		from = to
		if len(of) == 1 {
			continue
		}
		records = records[:0]
		for _, row := range of {
			records = append(records, record{t.us[row], t.types[row], row})
		}
		sortRecords(records)
		tie := 0 // where events began that are equal so far
		for i, r := range records {
			of[i] = r.row
			if compareRecords(r, records[tie]) != 0 {
				tie = i
			} else if i > tie && (i+1 == len(records) || compareRecords(r, records[i+1]) != 0) {
				ties = append(ties, of[tie:i+1])
			}
		}
	}
	if len(ties) == 0 {
		return rows, nil
	}
	ids, err := t.ids()
	if err != nil {
		return nil, err
	}
	for _, rows := range ties {
		slices.SortFunc(rows, func(a, b uint32) int { return compareIDs(ids[a], ids[b]) })
	}
	return rows, nil
}

func compareIDs(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// sortRecords sorts in place. Most users have few events in a segment.
func sortRecords(records []record) {
	const few = 16
	if len(records) > few {
		slices.SortFunc(records, compareRecords)
		return
	}
	for i := 1; i < len(records); i++ {
		r := records[i]
		at := i
		for ; at > 0 && compareRecords(r, records[at-1]) < 0; at-- {
			records[at] = records[at-1]
		}
		records[at] = r
	}
}

// rowsByUser returns rows by the keys of their users, which it sorts by a few of their
// bits at a time, the lowest first.
func rowsByUser(users []uint32) []uint32 {
	const digit = 11 // bits
	rows, next := make([]uint32, len(users)), make([]uint32, len(users))
	for i := range rows {
		rows[i] = uint32(i)
	}
	highest := slices.Max(users)
	for shift := 0; shift < 32 && highest>>shift > 0; shift += digit {
		var places [1 << digit]uint32
		for _, user := range users {
			places[user>>shift&(1<<digit-1)]++
		}
		place := uint32(0)
		for i, n := range places {
			places[i] = place
			place += n
		}
		for _, row := range rows {
			place := &places[users[row]>>shift&(1<<digit-1)]
			next[*place] = row
			*place++
		}
		rows, next = next, rows
	}
	return rows
}
