package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

//go:embed active_users.sql
var activeUsersSQL string

// ActiveUsers asks, for each day of a range, for the distinct users of the
// window of days that ends with it: weekly active users with a window of 7.
type ActiveUsers struct {
	Scope
	Range
	Window int  // calendar days, the day itself included
	Fill   bool // with rows for days without users
}

// ActiveUsersRow is a row of ActiveUsers.
type ActiveUsersRow struct {
	Date        string `json:"date" format:"date" doc:"Last day of the window"`
	ActiveUsers int64  `json:"active_users" doc:"Distinct users with an event in the window"`
}

// Name returns "active-users".
func (ActiveUsers) Name() string { return "active-users" }

// Rows returns []ActiveUsersRow, by date.
func (q ActiveUsers) Rows(ctx context.Context, src Source) (any, error) {
	p, ok := q.days(q.From-calendar.Date(q.Window-1), q.To)
	if !ok {
		return []ActiveUsersRow{}, nil
	}
	type change struct {
		day   calendar.Date
		users int64 // from that day on
	}
	changes, err := collect(ctx, src, q.statement(activeUsersSQL, p).named("window", q.Window), func(r *sql.Rows) (c change, err error) {
		var d time.Time
		err = r.Scan(&d, &c.users)
		c.day = calendar.DateOf(d)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	rows := []ActiveUsersRow{}
	var users int64
	for _, d := range q.Zone.Dates(calendar.Day, q.From, q.To) {
		for len(changes) > 0 && changes[0].day <= d {
			users, changes = changes[0].users, changes[1:]
		}
		if users > 0 || q.Fill {
			rows = append(rows, ActiveUsersRow{d.String(), users})
		}
	}
	return rows, nil
}

// A window is the end of one block of as many days and the beginning of the next:
// with the unions from each day to its block's end, and from the block's begin to
// each day, it takes one more union, however long it is.
func (q ActiveUsers) sums(ctx context.Context, view *rollup.View, _ Source) (any, bool, error) {
	first := q.From - calendar.Date(q.Window-1)
	question, slots, ok := q.ask(view, Range{first, q.To}, calendar.Day)
	if !ok {
		return nil, false, nil
	}
	periods := map[calendar.Date][]rollup.Period{}
	for _, b := range byBucket(slots) {
		periods[calendar.Date(b.bucket)] = b.periods
	}
	users := func(d calendar.Date) (*roaring.Bitmap, error) { return question.Users(ctx, periods[d]...) }

	rows := []ActiveUsersRow{}
	var ends []*roaring.Bitmap // of the block that the window begins in, by day
	var begin *roaring.Bitmap  // of the block that the window ends in
	for d := first; d <= q.To-calendar.Date(q.Window-1); d++ {
		at := int(d-first) % q.Window
		if at == 0 {
			ends = make([]*roaring.Bitmap, q.Window)
			for i := q.Window - 1; i >= 0; i-- {
				day, err := users(d + calendar.Date(i))
				if err != nil {
					return nil, true, err
				}
				if ends[i] = day; i+1 < q.Window {
					ends[i] = roaring.Or(day, ends[i+1])
				}
			}
			begin = roaring.New()
		} else {
			day, err := users(d + calendar.Date(q.Window-1))
			if err != nil {
				return nil, true, err
			}
			begin.Or(day)
		}
		last := d + calendar.Date(q.Window-1)
		n := ends[at].OrCardinality(begin)
		if len(periods[last]) > 0 && (n > 0 || q.Fill) {
			rows = append(rows, ActiveUsersRow{last.String(), int64(n)})
		}
	}
	return rows, true, nil
}
