package walk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go/encoding"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/warehouse/columns"
)

// parseBelow is how many events a segment without columns of properties may have whose
// JSON is read: of segments with fewer than 20,000 the Builder makes no columns, and of
// others without, no property was worth one.
const parseBelow = 100_000

// Build writes the events of a segment, whose Parquet file is at path, by user, to another
// path. shredded are
// the properties with columns, as Segment.Shredded has them. names are the names of all
// properties that the events have themselves, not in objects within; nil when they are not
// known, and then the file knows nothing of properties that have no column.
//
// It holds about 100 bytes for each event. The file is not synced.
func Build(ctx context.Context, path string, project int64, shredded, names []string, to string) error {
	data, err := build(ctx, path, project, shredded, names)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		return fmt.Errorf("writing events by user: %w", err)
	}
	return nil
}

// Make is Build in memory.
func Make(ctx context.Context, path string, project int64, shredded, names []string) (*File, error) {
	data, err := build(ctx, path, project, shredded, names)
	if err != nil {
		return nil, err
	}
	f, err := Read(data)
	if err != nil {
		return nil, err
	}
	f.IDs = IDs(path)
	return f, nil
}

// IDs returns a function for File.IDs that reads a Parquet file whenever it is called.
func IDs(path string) func(rows []uint32) ([]uuid.UUID, error) {
	return func(rows []uint32) (_ []uuid.UUID, err error) {
		e, err := columns.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		return e.IDs(context.Background(), rows)
	}
}

func build(ctx context.Context, path string, project int64, shredded, names []string) (_ []byte, err error) {
	e, err := columns.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if e.Rows() == 0 || e.Rows() > math.MaxUint32 {
		return nil, fmt.Errorf("ordering %d events by user", e.Rows())
	}
	t := table{project: project, names: names}
	if t.us, err = columns.Fixed(ctx, e, "occurred_at", (*encoding.Values).Int64); err != nil {
		return nil, err
	}
	if t.users, err = columns.Fixed(ctx, e, "user_key", (*encoding.Values).Uint32); err != nil {
		return nil, err
	}
	var types typeCoder
	t.types = make([]uint32, e.Rows())
	if _, err := e.Each(ctx, "event_type", types.code, func(row int, code uint32) { t.types[row] = code }); err != nil {
		return nil, err
	}
	t.typeNames = types.sort(t.types)
	t.ids = func() ([][16]byte, error) { return columns.Fixed(ctx, e, "event_id", (*encoding.Values).Uint128) }
	if len(shredded) == 0 && e.Rows() < parseBelow {
		if err := parse(ctx, e, &t); err != nil {
			return nil, err
		}
	}
	for _, column := range shredded {
		if err := addColumn(ctx, e, column, &t); err != nil {
			return nil, err
		}
	}
	sortColumns(t.columns)
	return t.encode()
}

// parse adds the properties that are in the JSON of events.
func parse(ctx context.Context, e *columns.File, t *table) error {
	properties := newObjectCoder(e.Rows())
	err := e.Pages(ctx, "properties", func(row int, p columns.Page) error {
		for i, at := range p.Rows() {
			properties.add(row+i, string(p.Bytes(at)))
		}
		return nil
	})
	t.columns = properties.columns()
	// Those with columns are known even if the caller knows no names.
	t.names = append(properties.names(), t.names...)
	return err
}

// addColumn adds a property that has a column, if it is in bounds.
func addColumn(ctx context.Context, e *columns.File, column string, t *table) error {
	kind, key, _ := strings.Cut(column, ":")
	json := jsonOf[kind]
	if json == nil || len(key) > maxKeyBytes || len(t.columns) == maxColumns {
		return nil
	}
	c := newCoder(e.Rows(), json)
	code := func(value []byte) (uint32, bool) {
		code, ok := c.code(value)
		return uint32(code), ok
	}
	whole, err := e.Each(ctx, column, code, func(row int, code uint32) { c.codes[row] = uint16(code) })
	if err == nil && whole {
		t.columns = append(t.columns, coded{key, c.codes, c.values})
	}
	return err
}

// jsonOf returns the JSON of a value in a column of some kind, as Segment.Shredded calls
// them, which means the same as what was sent. Other kinds are not known.
var jsonOf = map[string]func(value string) string{
	"text": func(value string) string {
		quoted, _ := jsontext.AppendQuote(nil, value) // it is valid UTF-8
		return string(quoted)
	},
	"integer": func(value string) string {
		return strconv.FormatInt(int64(binary.LittleEndian.Uint64([]byte(value))), 10)
	},
	"decimal": func(value string) string {
		return decimal.OfFloat(math.Float64frombits(binary.LittleEndian.Uint64([]byte(value)))).String()
	},
}
