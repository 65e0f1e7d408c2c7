package duckdb

import (
	"database/sql"
	"fmt"
	"strconv"

	"eventanalytics/pkg/warehouse/persons"
)

// personKey is the expression of user_key where users are persons: of keys that moved, the
// root. Whether one did is looked up in bits, which takes no function in Go: most did not.
func (v *values) personKey(m *persons.Map) string {
	if v.persons == "" {
		bits := make([]byte, m.MovedKeys().Maximum()/8+1)
		for key := range m.All() {
			bits[key/8] |= 0x80 >> (key % 8) // the first bit is the highest of the first byte
		}
		v.args = append(v.args, sql.Named("moved", bits))
		root := v.number("persons", func() Function {
			return func(key string) (string, bool) {
				n, err := strconv.ParseUint(key, 10, 32)
				return strconv.FormatUint(uint64(m.Root(uint32(n))), 10), err == nil
			}
		})
		v.persons = fmt.Sprintf("CASE WHEN user_key <= %[1]d AND get_bit($moved::BLOB::BIT, least(user_key, %[1]d)::INTEGER) = 1 THEN %[2]s::INTEGER ELSE user_key END AS user_key",
			m.MovedKeys().Maximum(), TextOf("user_key::VARCHAR", root))
	}
	return v.persons
}
