package duckdb

import (
	"fmt"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/decimal"
	"eventanalytics/services/stats/engine"
)

// numberBytes is what a number takes, with its digits.
const numberBytes = 64

// addNumbers adds numbers as string_agg wrote them, or none.
func addNumbers(c *engine.Cell, text string, budget *engine.Budget) error {
	if text == "" {
		return nil
	}
	before := c.Numbers.Len()
	err := parseNumbers(text, func(n decimal.Decimal, events int64) error {
		c.Numbers.Add(n, events)
		return nil
	})
	if err != nil {
		return err
	}
	return budget.Spend((c.Numbers.Len() - before) * numberBytes)
}

// addUsers adds the keys or values of a list to a set, which it makes where it is nil.
func addUsers(set **roaring.Bitmap, values any, codes *dictionary, budget *engine.Budget) error {
	list, _ := values.([]any)
	if *set == nil {
		*set = roaring.New()
	}
	users := *set
	before := users.GetSizeInBytes()
	for _, v := range list {
		switch v := v.(type) {
		case int32:
			users.Add(uint32(v))
		case string:
			code, err := codes.code(v)
			if err != nil {
				return err
			}
			users.Add(code)
		default:
			return fmt.Errorf("reading a set of users: a %T", v)
		}
	}
	return budget.Spend(int(users.GetSizeInBytes() - before))
}

// codes are the dictionaries of what is counted in sets, other than users by their keys.
type codes struct {
	mu  sync.Mutex
	all map[string]*dictionary
}

func (c *codes) of(counted string) *dictionary {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*dictionary{}
	}
	if c.all[counted] == nil {
		c.all[counted] = &dictionary{codes: map[string]uint32{}}
	}
	return c.all[counted]
}

// dictionary numbers texts.
type dictionary struct {
	mu    sync.Mutex
	codes map[string]uint32
	bytes int
}

func (d *dictionary) code(text string) (uint32, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	code, ok := d.codes[text]
	if ok {
		return code, nil
	}
	if d.bytes += entryBytes + len(text); d.bytes > engine.MaxBytes {
		return 0, engine.ErrTooLarge
	}
	code = uint32(len(d.codes))
	d.codes[text] = code
	return code, nil
}

// entryBytes is what a text takes in a dictionary beside itself.
const entryBytes = 48
