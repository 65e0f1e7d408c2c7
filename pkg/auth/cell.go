package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Cell is the name of an installation among several behind one gateway, or "". The gateway
// finds it in API keys.
type Cell string

const (
	maxCell = 8   // characters
	cellEnd = "_" // between a cell's name and the rest of a key; no name has it
)

// CellConfig is embedded in the settings of services that make API keys.
type CellConfig struct {
	Cell Cell `env:"CELL" doc:"Name of this installation among several behind one gateway, which new API keys have in them: 1 to 8 of a–z and 0–9"`
}

// Validate reports a name that no key can have.
func (c *CellConfig) Validate() error {
	if c.Cell != "" && !c.Cell.valid() {
		return fmt.Errorf("CELL is %q, not 1 to %d of a-z and 0-9", c.Cell, maxCell)
	}
	if slices.Contains(words, c.Cell) {
		return fmt.Errorf("CELL is %q, which means something else to the gateway", c.Cell)
	}
	return nil
}

// words are what a map of nginx takes for something else than a value that it looks for.
var words = []Cell{"default", "include", "volatile"}

func (c Cell) valid() bool {
	return c != "" && len(c) <= maxCell && strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
