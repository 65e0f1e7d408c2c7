// Package outbox is the hand-off from ingest to the sync worker: a log of
// batches in Postgres that ingest appends to and the worker tails.
package outbox

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// Position is a place in the outbox. Rows are ordered by the id of the
// transaction that wrote them, then by seq; the incarnation increases when a
// restored database restarts the ids.
type Position struct {
	Incarnation int32
	XID         uint64
	Seq         int64
}

// Compare orders positions; it returns -1, 0 or 1.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Incarnation, q.Incarnation), cmp.Compare(p.XID, q.XID), cmp.Compare(p.Seq, q.Seq))
}

// ErrBadToken is returned for a position token that this service did not issue,
// or issued for another project.
var ErrBadToken = errors.New("position token is not valid for this project")

// Tokens converts positions to opaque strings for clients and back. A token is
// authenticated and bound to a project, so it is useless for any other.
type Tokens struct{ key []byte }

// NewTokens returns a codec; key is a secret of at least 32 bytes, the same in
// every service.
func NewTokens(key []byte) Tokens { return Tokens{key: key} }

const (
	tokenVersion = 1
	tokenBody    = 1 + 8 + 4 + 8 + 8 // version, project, incarnation, xid, seq
	tokenMAC     = 16
	tokenText    = (tokenBody + tokenMAC) / 3 * 4 // in base64
)

// Encode returns the token of a position for a project.
func (t Tokens) Encode(project int64, p Position) string {
	b := make([]byte, 0, tokenBody+tokenMAC)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(project))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Incarnation))
	b = binary.BigEndian.AppendUint64(b, p.XID)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Seq))
	return base64.RawURLEncoding.EncodeToString(append(b, t.mac(b)...))
}

// Decode returns the position of a token made for project, or ErrBadToken.
func (t Tokens) Decode(project int64, token string) (Position, error) {
	// The text's length is checked because base64 ignores line breaks.
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) != tokenText || len(b) != tokenBody+tokenMAC || b[0] != tokenVersion ||
		!hmac.Equal(b[tokenBody:], t.mac(b[:tokenBody])) ||
		binary.BigEndian.Uint64(b[1:]) != uint64(project) {
		return Position{}, ErrBadToken
	}
	return Position{
		Incarnation: int32(binary.BigEndian.Uint32(b[9:])),
		XID:         binary.BigEndian.Uint64(b[13:]),
		Seq:         int64(binary.BigEndian.Uint64(b[21:])),
	}, nil
}

func (t Tokens) mac(body []byte) []byte {
	m := hmac.New(sha256.New, t.key)
	m.Write(body)
	return m.Sum(nil)[:tokenMAC]
}
