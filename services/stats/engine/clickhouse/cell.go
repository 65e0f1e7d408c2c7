package clickhouse

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/decimal"
	"eventanalytics/services/stats/engine"
)

// reader makes cells of rows, of which several make one.
type reader struct {
	part   engine.Part
	cell   *engine.Cell // that is being read
	result *engine.Result[engine.Cell]
	budget engine.Budget
}

func (r *reader) row(rows driver.Rows) error {
	var bucket, events, users int64
	var place int32
	var keys []uint32
	var numbers []string
	var counts []int64
	into := []any{&bucket, &place, &events, &users}
	switch r.part {
	case engine.UserSets:
		into = append(into, &keys)
	case engine.Numbers, engine.Sums:
		into = append(into, &numbers, &counts)
	}
	if err := rows.Scan(into...); err != nil {
		return fmt.Errorf("reading a cell: %w", err)
	}
	if c := r.cell; c == nil || c.Bucket != bucket || c.Group != int(place) {
		if err := r.end(); err != nil {
			return err
		}
		r.cell = &engine.Cell{Bucket: bucket, Group: int(place)}
	}
	r.cell.Events += events
	r.cell.Users += users
	if r.part == engine.UserSets {
		return addUsers(&r.cell.Set, keys, &r.budget)
	}
	return addNumbers(r.cell, numbers, counts, &r.budget)
}

// end ends the cell that is being read, if there is one.
func (r *reader) end() error {
	if r.cell == nil {
		return nil
	}
	r.cell.Settle(r.part)
	return r.result.Add(*r.cell)
}

// numberBytes is what a number takes, with its digits.
const numberBytes = 64

func addNumbers(c *engine.Cell, numbers []string, events []int64, budget *engine.Budget) error {
	if len(numbers) == 0 {
		return nil
	}
	for i, text := range numbers {
		n, ok := decimal.Parse(text)
		if !ok {
			return fmt.Errorf("reading a number of %d digits", len(text))
		}
		c.Numbers.Add(n, events[i])
	}
	return budget.Spend(len(numbers) * numberBytes)
}

func addUsers(set **roaring.Bitmap, keys []uint32, budget *engine.Budget) error {
	if *set == nil {
		*set = roaring.New()
	}
	before := (*set).GetSizeInBytes()
	(*set).AddMany(keys)
	return budget.Spend(int((*set).GetSizeInBytes() - before))
}
