package cohort

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecodePart reads any bytes as a part of a list: what is read is the same when it is
// written and read again.
func FuzzDecodePart(f *testing.F) {
	for _, users := range [][]string{nil, {""}, {"42", "ü", "user-1"}} {
		part, err := EncodePart(users)
		require.NoError(f, err)
		f.Add(part)
	}
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, part []byte) {
		users, err := DecodePart(part)
		if err != nil {
			require.ErrorIs(t, err, errDamaged)
			return
		}
		written, err := EncodePart(users)
		require.NoError(t, err)
		again, err := DecodePart(written)
		require.NoError(t, err)
		require.Equal(t, users, again)
	})
}
