package standalone

import (
	"cmp"
	"fmt"
	"strings"

	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
)

// WriteSettings writes the table of all settings, from the structs that read
// them, into a Markdown file between its markers.
func WriteSettings(path string) error { return writeTable(path, "settings", settingsTable()) }

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
