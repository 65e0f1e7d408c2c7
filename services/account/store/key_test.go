package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/refusal"
)

// TestOrigins: they are kept as browsers send them, without the port that a scheme has
// anyway, or refused.
func TestOrigins(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	ann := user(t, s, "ann")
	for given, kept := range map[string]string{
		"https://Shop.Example/":          "https://shop.example",
		"https://shop.example:443":       "https://shop.example",
		"https://shop.example:":          "https://shop.example",
		"http://shop.example:80":         "http://shop.example",
		"http://shop.example:443":        "http://shop.example:443",
		"https://shop.example:80":        "https://shop.example:80",
		"https://[2001:DB8::443]:443":    "https://[2001:db8::443]",
		"https://[2001:db8::443]":        "https://[2001:db8::443]",
		"http://localhost:8080":          "http://localhost:8080",
		"https://xn--bcher-kva.example":  "https://xn--bcher-kva.example",
		"https://bücher.example":         "",
		"https://*.example":              "",
		"https://b%C3%BCcher.example":    "",
		"https://ｓｈｏｐ.example":           "",
		"https://shop.example/page":      "",
		"https://ann@shop.example":       "",
		"shop.example":                   "",
		"ftp://shop.example":             "",
		"https://shop.example:https":     "",
		"https://shop.example?x=1":       "",
		"https://":                       "",
		"https://shop.example, https://": "",
	} {
		k, err := s.CreateKey(t.Context(), ann.ProjectID, ann.ID, "shop", auth.ScopeBrowser, given)
		if kept == "" {
			require.Equal(t, "origins", requireRefusal(t, err, refusal.Invalid, "invalid-field"), given)
			continue
		}
		require.NoError(t, err, given)
		require.Equal(t, []string{kept}, k.Origins, given)
	}
}
