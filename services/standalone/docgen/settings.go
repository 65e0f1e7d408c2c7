package docgen

import (
	"cmp"
	"fmt"
	"strings"

	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/services/standalone"
)

// settingsTable has all settings, from the structs that read them.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Setting | Default | What it is |\n|---|---|---|\n")
	// The standalone's own meaning of a name comes first and wins. It listens on
	// PORT and has no gateway in front; these three are for a separate service.
	seen := map[string]bool{"ADDR": true, "DRAIN_DELAY": true, "WAREHOUSE_DIR": true}
	all := append(config.Options[standalone.Options](), config.Options[logging.Config]()...)
	for _, o := range append(all, config.Options[standalone.Services]()...) {
		if seen[o.Name] {
			continue
		}
		seen[o.Name] = true
		def := cmp.Or(standalone.OwnDefaults[o.Name], o.Default)
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, def, strings.ReplaceAll(o.Doc, "|", `\|`))
	}
	return b.String()
}
