package mixpanel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
	"eventanalytics/services/ingest/sdk/mixpanel"
)

// TestIDsHaveSeconds: an event is the same whether its time is sent in seconds or in
// milliseconds. cmd/import_events derives the same ids of exports.
func TestIDsHaveSeconds(t *testing.T) {
	t.Parallel()
	for time, want := range map[string]string{
		`1754042400`: "1754042400", `1754042400000`: "1754042400", `"1754042400"`: "1754042400", `"2025-08-01T10:00:00Z"`: "1754042400",
		`1754042400.533`: "1754042400.533", `1754042400533`: "1754042400.533", `1754042400.530`: "1754042400.53",
		`"soon"`: "soon", `null`: "",
	} {
		event, err := loose.Parse([]byte(`{"event":"a","properties":{"time":` + time + `,"distinct_id":"u","$insert_id":"i"}}`))
		require.NoError(t, err)
		require.Equal(t, "a\x00u\x00"+want+"\x00i", mixpanel.New().Decode(event, &sdk.Envelope{}).IDText, time)
	}
}
