package standalone

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"eventanalytics/pkg/config"
	"eventanalytics/pkg/logging"
)

// The table stands between these lines of a Markdown file.
const (
	settingsBegin = "<!-- settings: made by \"make generate\" -->\n"
	settingsEnd   = "<!-- /settings -->"
)

// WriteSettings writes the table of all settings, from the structs that read
// them, into a Markdown file between its markers.
func WriteSettings(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing the settings: %w", err)
	}
	before, rest, began := bytes.Cut(text, []byte(settingsBegin))
	_, after, ended := bytes.Cut(rest, []byte(settingsEnd))
	if !began || !ended {
		return errors.New("writing the settings: " + path + " has no markers")
	}
	text = bytes.Join([][]byte{before, []byte(settingsBegin + settingsTable() + settingsEnd), after}, nil)
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // documentation
		return fmt.Errorf("writing the settings: %w", err)
	}
	return nil
}

func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Setting | Default | What it is |\n|---|---|---|\n")
	// The standalone's own meaning of a name comes first and counts. It listens
	// on PORT and has no gateway in front; these are for a service by itself.
	seen := map[string]bool{"ADDR": true, "DRAIN_DELAY": true, "WAREHOUSE_DIR": true}
	all := append(config.Options[Options](), config.Options[logging.Config]()...)
	for _, o := range append(all, config.Options[settings]()...) {
		if seen[o.Name] {
			continue
		}
		seen[o.Name] = true
		def := cmp.Or(ownDefaults[o.Name], o.Default)
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, def, strings.ReplaceAll(o.Doc, "|", `\|`))
	}
	return b.String()
}
