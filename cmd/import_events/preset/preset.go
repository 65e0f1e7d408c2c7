// Package preset knows the exports of other products: which fields of theirs are which of
// an event. Users and names are as those of the same product's SDK are through the
// service's routes, so that history and what arrives now fit together. Ids are, too, where
// the SDK's id of an event is in the export: of Amplitude, Mixpanel, PostHog, RudderStack,
// Segment and Snowplow. An event of the others that was also sent here would count twice.
package preset

import (
	"fmt"
	"strings"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/eventid"
)

// Preset is one product's export.
type Preset struct {
	Names   []string
	Export  string // what is exported, for people
	Source  string // where its fields are described
	Format  source.Format
	Dialect source.Dialect
	Columns []string // of CSV without a header
	UTC     bool     // all its times are
	// Mapping makes the mapping for one import.
	Mapping func(Import) *mapping.Mapping
}

// Import is what a mapping depends on.
type Import struct {
	Space eventid.Space // of the project that is imported into
	Zone  *calendar.Zone
}

var all = []*Preset{&amplitude, &mixpanel, &posthog, &rudderstack, &ga4, &snowplow, &plausible, &umami}

// Names of all presets.
func Names() (names []string) {
	for _, p := range all {
		names = append(names, p.Names...)
	}
	return names
}

// Find returns the preset of a name.
func Find(name string) (*Preset, error) {
	for _, p := range all {
		for _, n := range p.Names {
			if n == name {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("--preset: %q is none of %s", name, strings.Join(Names(), ", "))
}

// device prefixes users who are known by their device only.
const device = "$device:"

// visitor prefixes users who are known by a hash only, which is nobody's for long.
const visitor = "v:"

func users(known ...string) []mapping.User { return prefixed("", known) }

func devices(columns ...string) []mapping.User { return prefixed(device, columns) }

func prefixed(prefix string, columns []string) []mapping.User {
	all := make([]mapping.User, len(columns))
	for i, column := range columns {
		all[i] = mapping.User{Column: column, Prefix: prefix}
	}
	return all
}

func text(s string) row.Value { return row.Value{Kind: row.Text, Text: s} }

// context keeps what has no place of its own, as the routes of SDKs do.
var context = mapping.Rest{Keep: true, Into: "$context"}
