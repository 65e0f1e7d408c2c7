package sdk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"
	"time"
)

// salts keeps the salt of today in memory.
type salts struct {
	mu   sync.Mutex
	day  time.Time
	salt []byte
}

// visitor is who an event is of that names nobody: a hash of day, project, address and
// browser. Without the day's salt, which is destroyed, it leads back to nobody.
func (s *Service) visitor(ctx context.Context, now time.Time, project int64, address, agent string) (string, error) {
	day := now.UTC().Truncate(24 * time.Hour)
	salt, err := s.saltOf(ctx, day)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{salt, []byte(strconv.FormatInt(project, 10)), []byte(address), []byte(agent)} {
		h.Write(part)
		h.Write([]byte{0})
	}
	return "v:" + hex.EncodeToString(h.Sum(nil))[:16], nil
}

func (s *Service) saltOf(ctx context.Context, day time.Time) ([]byte, error) {
	s.salts.mu.Lock()
	salt := s.salts.salt
	known := s.salts.day.Equal(day)
	s.salts.mu.Unlock()
	if known {
		return salt, nil
	}
	proposed := make([]byte, 32)
	_, _ = rand.Read(proposed) // never fails: the process crashes instead
	salt, err := s.intake.Salt(ctx, day, proposed)
	if err != nil {
		return nil, err
	}
	s.salts.mu.Lock()
	defer s.salts.mu.Unlock()
	s.salts.day, s.salts.salt = day, salt
	return salt, nil
}
