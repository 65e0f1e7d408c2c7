package docgen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/services/standalone"
)

// settingsTable has all settings, from the structs that read them.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Setting | Default | What it is |\n|---|---|---|\n")
	// The standalone's own meaning of a name comes first and wins. It listens on
	// PORT and has no gateway in front; these three are for a separate service.
	seen := map[string]bool{"ADDR": true, "DRAIN_DELAY": true, "WAREHOUSE_DIR": true}
	for _, o := range config.Options[standalone.Settings]() {
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

// settingsNames lists the settings of every service, one a line.
func settingsNames() []byte {
	var all []string
	for _, o := range append(config.Options[standalone.Settings](), config.Options[boot.Config]()...) {
		all = append(all, o.Name)
	}
	slices.Sort(all)
	return []byte(strings.Join(slices.Compact(all), "\n") + "\n")
}
