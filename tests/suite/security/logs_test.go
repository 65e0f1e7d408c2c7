package security

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// kept are the secrets of the suite, by value: what each is.
var kept = struct {
	sync.Mutex
	secrets map[string]string
}{secrets: map[string]string{}}

// minSecret is the least length in bytes that is looked for: less may be in a
// log by chance.
const minSecret = 10

// keep notes a secret that no log may hold and returns it.
func keep(what, secret string) string {
	parts := []string{secret}
	switch {
	case strings.HasPrefix(secret, keyPrefix), strings.HasPrefix(secret, refreshPrefix), strings.HasPrefix(secret, sessionPrefix), strings.HasPrefix(secret, invitePrefix):
		parts = append(parts, secret[len(keyPrefix):])
	case strings.HasPrefix(secret, sharePrefix):
		parts = append(parts, secret[len(sharePrefix):])
	case strings.HasPrefix(secret, "eyJ"): // a JWT: each part would do harm on its own
		parts = append(parts, strings.Split(secret, ".")[1:]...)
	}
	kept.Lock()
	defer kept.Unlock()
	for _, part := range parts {
		if len(part) >= minSecret {
			kept.secrets[part] = what
		}
	}
	return secret
}

// noSecretsIn looks for what was kept in all logs below dir: those of the
// services, of nginx, of redis-server and of Postgres.
func noSecretsIn(dir string) error {
	var errs []error
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		log, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found++
		errs = append(errs, leaks(entry.Name(), log)...)
		return nil
	})
	if err == nil && found == 0 {
		err = errors.New("there are no logs in " + dir)
	}
	return errors.Join(append(errs, err)...)
}

// leaks names each secret that is in a log, and the line, without the secret.
func leaks(name string, log []byte) (errs []error) {
	kept.Lock()
	defer kept.Unlock()
	for secret, what := range kept.secrets {
		before, after, leaked := bytes.Cut(log, []byte(secret))
		if !leaked {
			continue
		}
		start := before[bytes.LastIndexByte(before, '\n')+1:]
		end, _, _ := bytes.Cut(after, []byte("\n"))
		errs = append(errs, fmt.Errorf("%s holds %s: %.300s<secret>%.100s", name, what, start, end))
	}
	return errs
}

func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	key := keep("an API key of this test", keyPrefix+strings.ToLower(rand.Text()+rand.Text()))
	require.Len(t, leaks("x.log", []byte("a line\nwith "+key+" in it\n")), 2, "the key, and what follows its prefix")
	require.Len(t, leaks("x.log", []byte("only "+key[len(keyPrefix):])), 1)
	require.Empty(t, leaks("x.log", []byte("only the prefix "+key[:11])))
}
