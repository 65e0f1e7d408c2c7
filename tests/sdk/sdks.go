package sdk

import "slices"

// place is where an SDK runs.
type place string

const (
	node    place = "server"  // a program for Node
	browser place = "browser" // a page in Chromium
	golang  place = "golang"  // a Go program
)

// SDK is a vendor's SDK in one of its configurations.
type SDK struct {
	Name   string
	Module string // as package.json or go.mod name it
	place  place
	script string // of sdks/, without its ending
	// variant is the configuration that the script has by this name.
	variant string
	// loses are the faults at which the SDK gives up what was in the request.
	loses []string
	// inexact says why it may count twice what is sent twice: it gives events no id. Those
	// that the application gives a time are known by it.
	inexact string
	// absent are the properties of the known set that the SDK cannot carry as they are.
	absent []string
	// timeless SDKs cannot be told when an event happened.
	timeless bool
	// anonymous SDKs know no users, only visitors.
	anonymous bool
	// unlinked SDKs do not say which visitor logs in.
	unlinked bool
}

func (s *SDK) losesAt(fault string) bool { return slices.Contains(s.loses, fault) }

// logsIn says whether the SDK's page has a visitor who logs in as user.
func (s *SDK) logsIn() bool { return s.place == browser && !s.anonymous }

var (
	dies    = []string{"before", "during", "after"}
	refused = []string{"503", "429"}
	failing = slices.Concat(dies, refused)
)

const noID = "its events have neither id nor time"

// sdks are those of the contract, in its versions.
var sdks = []SDK{
	{Name: "segment-node", Module: "@segment/analytics-node", place: node, script: "segment"},
	{Name: "analytics-node", Module: "analytics-node", place: node, script: "analytics-node"},
	{Name: "rudderstack-node", Module: "@rudderstack/rudder-sdk-node", place: node, script: "rudderstack"},
	{Name: "posthog-node", Module: "posthog-node", place: node, script: "posthog"},
	{Name: "posthog-node-v1", Module: "posthog-node", place: node, script: "posthog", variant: "v1"},
	{Name: "mixpanel-node", Module: "mixpanel", place: node, script: "mixpanel", variant: "track"},
	{Name: "mixpanel-node-import", Module: "mixpanel", place: node, script: "mixpanel", variant: "import"},
	{Name: "mixpanel-node-plain", Module: "mixpanel", place: node, script: "mixpanel", variant: "plain", inexact: noID, timeless: true},
	{Name: "amplitude-node", Module: "@amplitude/analytics-node", place: node, script: "amplitude", loses: dies},
	{Name: "amplitude-node-batch", Module: "@amplitude/analytics-node", place: node, script: "amplitude", variant: "batch", loses: dies},
	{Name: "snowplow-node", Module: "@snowplow/node-tracker", place: node, script: "snowplow"},
	{Name: "openpanel-node", Module: "@openpanel/sdk", place: node, script: "openpanel", inexact: noID},
	{Name: "openpanel-node-ids", Module: "@openpanel/sdk", place: node, script: "openpanel", variant: "ids"},
	{Name: "umami-node", Module: "@umami/node", place: node, script: "umami", loses: failing, inexact: noID, timeless: true},
	{Name: "cloudevents-js", Module: "cloudevents", place: node, script: "cloudevents"},
	{Name: "cloudevents-js-structured", Module: "cloudevents", place: node, script: "cloudevents", variant: "structured"},
	{Name: "opentelemetry-js", Module: "@opentelemetry/exporter-logs-otlp-http", place: node, script: "opentelemetry"},
	{Name: "opentelemetry-js-proto", Module: "@opentelemetry/exporter-logs-otlp-proto", place: node, script: "opentelemetry", variant: "proto"},

	{Name: "segment-web", Module: "@segment/analytics-next", place: browser, script: "segment"},
	{Name: "segment-web-batching", Module: "@segment/analytics-next", place: browser, script: "segment", variant: "batching"},
	{Name: "rudderstack-web", Module: "@rudderstack/analytics-js", place: browser, script: "rudderstack"},
	{Name: "rudderstack-web-beacon", Module: "@rudderstack/analytics-js", place: browser, script: "rudderstack", variant: "beacon", loses: failing},
	{Name: "jitsu", Module: "@jitsu/js", place: browser, script: "jitsu", loses: failing, timeless: true},
	{Name: "posthog-web", Module: "posthog-js", place: browser, script: "posthog"},
	{Name: "posthog-web-plain", Module: "posthog-js", place: browser, script: "posthog", variant: "plain"},
	{Name: "mixpanel-web", Module: "mixpanel-browser", place: browser, script: "mixpanel", loses: dies},
	{Name: "mixpanel-web-beacon", Module: "mixpanel-browser", place: browser, script: "mixpanel", variant: "beacon", loses: failing},
	{Name: "mixpanel-web-json", Module: "mixpanel-browser", place: browser, script: "mixpanel", variant: "json", loses: dies},
	{Name: "mixpanel-web-single", Module: "mixpanel-browser", place: browser, script: "mixpanel", variant: "single", loses: failing},
	{Name: "amplitude-web", Module: "@amplitude/analytics-browser", place: browser, script: "amplitude"},
	{Name: "amplitude-web-gzip", Module: "@amplitude/analytics-browser", place: browser, script: "amplitude", variant: "gzip"},
	{Name: "amplitude-web-beacon", Module: "@amplitude/analytics-browser", place: browser, script: "amplitude", variant: "beacon", loses: failing},
	{Name: "snowplow-web", Module: "@snowplow/browser-tracker", place: browser, script: "snowplow"},
	{Name: "snowplow-web-get", Module: "@snowplow/browser-tracker", place: browser, script: "snowplow", variant: "get"},
	{Name: "openpanel-web", Module: "@openpanel/web", place: browser, script: "openpanel", inexact: noID, unlinked: true},
	{Name: "openpanel-web-ids", Module: "@openpanel/web", place: browser, script: "openpanel", variant: "ids", unlinked: true},
	{Name: "plausible", Module: "@plausible-analytics/tracker", place: browser, script: "plausible", loses: failing, inexact: noID, timeless: true, anonymous: true},

	{Name: "posthog-go", Module: "github.com/posthog/posthog-go", place: golang, script: "posthog"},
	{Name: "segment-go", Module: "gopkg.in/segmentio/analytics-go.v3", place: golang, script: "segment"},
	{Name: "cloudevents-go", Module: "github.com/cloudevents/sdk-go/v2", place: golang, script: "cloudevents"},
	{Name: "opentelemetry-go", Module: "go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp", place: golang, script: "opentelemetry", loses: dies},
}
