package eventid_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/eventid"
)

// Ids are permanent: these may never change.
func TestDerivedIDsStay(t *testing.T) {
	t.Parallel()
	for want, id := range map[string]uuid.UUID{
		"e9c09e7e-c7ff-531d-9570-402d3744fe9c": eventid.Of(1).Derive("segment", eventid.KindID, "ajs-next-1-a"),
		"1c0ec642-f4bc-5208-b731-18361002fbd7": eventid.Of(2).Derive("segment", eventid.KindID, "ajs-next-1-a"),
		"712a9165-f2af-5142-9208-5ae6654a8f90": eventid.Of(1).Derive("mixpanel", eventid.KindID, "view\x00u1\x001795944058.533\x00c50ofa1b6yjo94f2"),
		"26596382-89bf-5576-8046-4d7858ce2bc4": eventid.Of(0).Derive("import", eventid.KindColumns, "a\x00b"),
	} {
		require.Equal(t, want, id.String())
		require.Equal(t, uuid.Version(5), id.Version())
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	id, ok := eventid.Sent("25A4B866-040B-466F-945C-148E4720F511")
	require.True(t, ok)
	require.Equal(t, "25a4b866-040b-466f-945c-148e4720f511", id.String())
	for _, text := range []string{"", eventid.Nil, "25a4b866040b466f945c148e4720f511", "{25a4b866-040b-466f-945c-148e4720f51}", "25a4b866-040b-466f-945c-148e4720f51x"} {
		_, ok := eventid.Sent(text)
		require.False(t, ok, text)
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for micros, want := range map[int64]string{
		0: "0", 1: "0.000001", 10_000_000: "10", 1_754_042_400_533_000: "1754042400.533", 1_754_042_400_000_000: "1754042400",
		-1: "-0.000001", -1_500_000: "-1.5",
	} {
		require.Equal(t, want, eventid.Seconds(time.UnixMicro(micros)))
	}
}
