package outbox

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
)

func TestPayloadRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{`\`, "\t", "\n", "\r", "n", "t", `\n`, "é", "😀", `"`, " ", "{", ""}
	text := func() string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	var want []event.Event
	for range 500 {
		want = append(want, event.Event{ID: uuid.New(), OccurredAt: r.Int64() >> 8, UserID: text(), Type: text(), Properties: text()})
	}
	payload := Encode(want)
	require.Equal(t, len(want), strings.Count(payload, "\n"))
	got, err := Decode(payload)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestDecodeRefusesDamage(t *testing.T) {
	t.Parallel()
	line := "25a4b866-040b-466f-945c-148e4720f511\t1\tu\tt\t{}\n"
	_, err := Decode(line)
	require.NoError(t, err)
	for _, damaged := range []string{
		"\n",
		strings.Replace(line, "25a4", "25x4", 1),
		strings.Replace(line, "\t1\t", "\tone\t", 1),
		strings.Replace(line, "\t{}", "", 1),
		strings.Replace(line, "{}", "{}\t", 1),
		strings.Replace(line, "{}", `\x`, 1),
		strings.Replace(line, "{}", `\`, 1),
	} {
		_, err := Decode(line + damaged)
		require.ErrorContains(t, err, "line 2", "%q", damaged)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tokens := NewTokens([]byte("0123456789abcdef0123456789abcdef"))
	want := Position{Incarnation: 3, XID: 1 << 40, Seq: 12345}
	token := tokens.Encode(7, want)
	got, err := tokens.Decode(7, token)
	require.NoError(t, err)
	require.Equal(t, want, got)

	for name, bad := range map[string]string{
		"other project": tokens.Encode(8, want),
		"other key":     NewTokens([]byte("another secret of thirty-two byte")).Encode(7, want),
		"cut":           token[:len(token)-1],
		"longer":        token + "A",
		"empty":         "",
		"garbage":       "!!!",
	} {
		_, err := tokens.Decode(7, bad)
		require.ErrorIs(t, err, ErrBadToken, name)
	}
	for i := range token {
		flipped := []byte(token)
		flipped[i] ^= 1
		_, err := tokens.Decode(7, string(flipped))
		require.ErrorIs(t, err, ErrBadToken, "byte %d", i)
	}
}

func TestPositionOrder(t *testing.T) {
	t.Parallel()
	ordered := []Position{{}, {XID: 1, Seq: 9}, {XID: 2, Seq: 1}, {XID: 2, Seq: 2}, {Incarnation: 1}}
	for i, p := range ordered {
		for j, q := range ordered {
			switch {
			case i < j:
				require.Negative(t, p.Compare(q))
			case i > j:
				require.Positive(t, p.Compare(q))
			default:
				require.Zero(t, p.Compare(q))
			}
		}
	}
}
