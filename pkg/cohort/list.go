package cohort

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// PartUsers is how many users a part of a list has at most.
const PartUsers = 10_000

// maxPart is the maximum size of a part that is not compressed: ids have up to 800 bytes.
const maxPart = PartUsers * (800 + binary.MaxVarintLen64)

// List is a list of users, compressed.
type List struct {
	Users int
	Bytes int
	parts [][]byte
}

// Add adds at most PartUsers more users, in order, behind those before.
func (l *List) Add(users []string) error {
	part, err := EncodePart(users)
	if err != nil {
		return err
	}
	l.parts, l.Users, l.Bytes = append(l.parts, part), l.Users+len(users), l.Bytes+len(part)
	return nil
}

// EncodePart compresses user ids.
func EncodePart(users []string) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compressing user ids: %w", err)
	}
	var one []byte
	for _, user := range users {
		one = append(binary.AppendUvarint(one[:0], uint64(len(user))), user...)
		if _, err := w.Write(one); err != nil {
			return nil, fmt.Errorf("compressing user ids: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing user ids: %w", err)
	}
	return b.Bytes(), nil
}

var errDamaged = errors.New("a part of a list of users is damaged")

// DecodePart returns the user ids that EncodePart was given.
func DecodePart(part []byte) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(part)), maxPart+1))
	if err != nil || len(data) > maxPart {
		return nil, errors.Join(errDamaged, err)
	}
	text := string(data) // that all ids share
	var users []string
	for at := 0; at < len(data); {
		size, n := binary.Uvarint(data[at:])
		if n <= 0 || size > uint64(len(data)-at-n) {
			return nil, errDamaged
		}
		at += n
		users = append(users, text[at:at+int(size)])
		at += int(size)
	}
	return users, nil
}
