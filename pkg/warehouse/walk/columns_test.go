package walk

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A merged segment may have a column for a property that none of its events has.
func TestColumnWithoutValues(t *testing.T) {
	t.Parallel()
	table := table{
		users: []uint32{7, 7, 9}, us: []int64{1, 2, 3}, types: []uint32{0, 0, 0}, typeNames: []string{"a"},
		columns: []coded{{"none", []uint16{0, 0, 0}, nil}, {"some", []uint16{0, 1, 0}, []string{"true"}}},
	}
	data, err := table.encode()
	require.NoError(t, err)
	f, err := Read(data)
	require.NoError(t, err)
	for key, want := range map[string][]uint32{"none": {0, 0, 0}, "some": {0, 1, 0}} {
		c, known := f.Column(key)
		require.True(t, known)
		for at, code := range want {
			require.Equal(t, code, c.Code(uint32(at)), key)
		}
	}
}
