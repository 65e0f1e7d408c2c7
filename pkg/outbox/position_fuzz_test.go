package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzToken: every position survives a round trip through its token, only for its
// own project, and no other text is accepted as one.
func FuzzToken(f *testing.F) {
	tokens := NewTokens([]byte("0123456789abcdef0123456789abcdef"))
	ours := tokens.Encode(7, Position{Incarnation: 3, XID: 1 << 40, Seq: 12345})
	for _, text := range []string{"", "garbage", ours, ours + "=", ours + "\n", ours[:len(ours)-1] + "-", NewTokens(make([]byte, 32)).Encode(7, Position{})} {
		f.Add(int64(7), int32(3), uint64(1<<40), int64(12345), text)
		f.Add(int64(-1), int32(-1), uint64(0), int64(-1), text)
	}
	f.Fuzz(func(t *testing.T, project int64, incarnation int32, xid uint64, seq int64, text string) {
		p := Position{Incarnation: incarnation, XID: xid, Seq: seq}
		token := tokens.Encode(project, p)
		got, err := tokens.Decode(project, token)
		require.NoError(t, err)
		require.Equal(t, p, got)
		require.Zero(t, p.Compare(got))
		_, err = tokens.Decode(project+1, token)
		require.ErrorIs(t, err, ErrBadToken)

		if text == ours || text == token {
			return
		}
		for _, of := range []int64{7, project} {
			_, err = tokens.Decode(of, text)
			require.ErrorIs(t, err, ErrBadToken)
		}
	})
}
