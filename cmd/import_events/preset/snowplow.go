package preset

import (
	"slices"
	"strings"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

var snowplow = Preset{
	Names:   []string{"snowplow"},
	Export:  "Snowplow's enriched events: lines of 131 fields between tabs, without a header",
	Source:  "https://docs.snowplow.io/docs/pipeline/enriched-tsv-format/",
	Format:  source.CSV,
	Dialect: source.Dialect{Comma: '\t', Unquoted: true},
	Columns: strings.Fields(enriched),
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID:      mapping.ID{Scope: "snowplow", Vendor: &mapping.Vendor{Protocol: "snowplow", Column: []string{"event_id"}, Space: i.Space}},
			Time:    []string{"true_tstamp", "derived_tstamp", "dvce_created_tstamp", "collector_tstamp"},
			Clock:   mapping.AnyClock(i.Zone),
			User:    slices.Concat(users("user_id"), devices("domain_userid", "network_userid")),
			Prepare: nameEnriched,
			Made:    []string{messageName},
			Type:    []string{messageName, "event"},

			Properties: []string{"unstruct_event.data.data"},
			Named: []mapping.Named{
				{Property: "category", Columns: []string{"se_category"}},
				{Property: "label", Columns: []string{"se_label"}},
				{Property: "property", Columns: []string{"se_property"}},
				{Property: "value", Columns: []string{"se_value"}},
				{Property: "$contexts", Columns: []string{"contexts.data"}},
				{Property: "$url", Columns: []string{"page_url"}},
				{Property: "$lib", Columns: []string{"v_tracker"}},
				{Property: "$session_id", Columns: []string{"domain_sessionid"}},
				{Property: "$device_id", Columns: []string{"domain_userid"}},
			},
			Types: map[string]string{"se_value": "number", "derived_contexts": "json"},
			Rest:  context,
			Dropped: []string{
				"event", "event_id", "contexts", "unstruct_event", "se_action", "user_ipaddress", "etl_tstamp", "etl_tags",
				"event_vendor", "event_name", "event_format", "event_version", "event_fingerprint", "v_collector", "v_etl",
			},
			Lenient: true,
		}
	},
}

// nameEnriched gives events the names that their SDK's events have.
func nameEnriched(in *row.Row) (skip bool) {
	name := in.Get("event")
	switch name.Text {
	case "page_view":
		name = text("$pageview")
	case "page_ping":
		name = text("$pageping")
	case "struct":
		name = in.Get("se_action")
	case "unstruct":
		parts := strings.Split(strings.TrimPrefix(in.Get("unstruct_event.data.schema").Text, "iglu:"), "/")
		if name = in.Get("event_name"); len(parts) > 1 {
			name = text(parts[1])
		}
	}
	in.Set(messageName, name)
	return false
}

// enriched are the fields in their order.
const enriched = `
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker v_collector v_etl
user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed
page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment
refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source refr_term
mkt_medium mkt_source mkt_term mkt_content mkt_campaign
contexts se_category se_action se_label se_property se_value unstruct_event
tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country
ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max
useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf br_features_flash br_features_java
br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight
br_cookies br_colordepth br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone
dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height
tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency geo_timezone
mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp
event_vendor event_name event_format event_version event_fingerprint true_tstamp`
