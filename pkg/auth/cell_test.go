package auth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysNameTheirCell(t *testing.T) {
	t.Parallel()
	key, hash := NewKey("eu1")
	require.Regexp(t, `^ea_eu1_[a-z2-7]{52}$`, key)
	require.Equal(t, HashCredential(key), hash)
	require.True(t, IsKey(key))
	require.Equal(t, key[:len("ea_eu1_")+8], KeyName(key))

	key, _ = NewKey("")
	require.Regexp(t, `^ea_[a-z2-7]{52}$`, key)
	require.True(t, IsKey(key))
	require.Equal(t, key[:len("ea_")+8], KeyName(key))

	secret := strings.Repeat("a", 52)
	for text, is := range map[string]bool{
		"ea_" + secret:           true,
		"ea_abcdefgh_" + secret:  true,
		"ea_abcdefghi_" + secret: false,
		"ea__" + secret:          false,
		"ea_EU1_" + secret:       false,
		"ea_eu1_us1_" + secret:   false,
		"ea_eu1_" + secret + "a": false,
		"ea_eu1_" + secret[1:]:   false,
		"eu1_" + secret:          false,
		"er_eu1_" + secret:       false,
		"":                       false,
	} {
		require.Equal(t, is, IsKey(text), text)
	}
}

func TestNamesOfCells(t *testing.T) {
	t.Parallel()
	for _, name := range []Cell{"", "a", "eu1", "12345678"} {
		require.NoError(t, (&CellConfig{Cell: name}).Validate(), name)
	}
	for _, name := range []Cell{"123456789", "EU", "eu-1", "eu_1", "é", " ", "default", "include", "volatile"} {
		require.ErrorContains(t, (&CellConfig{Cell: name}).Validate(), "CELL is ", name)
	}
}
