package native

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
)

func TestParams(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxKeyLength)
	for _, tc := range []struct {
		query, key, contentType string
		want                    params
		status                  int
		wrong                   []string
	}{
		{},
		{query: "atomic=true", key: long, contentType: "application/json; charset=utf-8", want: params{atomic: true, key: long}},
		{query: "atomic=0", contentType: "application/x-ndjson", want: params{ndjson: true}},
		{query: "b=1&atomic=x&a=1", key: long + "x", status: 422, wrong: []string{"a", "b"}},
		{query: "=1", status: 422, wrong: []string{"query"}},
		{query: "%zz&atomic=x", status: 400},
		{query: "atomic=true&atomic=x", key: long + "x", status: 422, wrong: []string{"atomic"}},
		{query: "atomic=", status: 422, wrong: []string{"atomic"}},
		{query: "atomic=x", key: long + "x", contentType: "text/csv", status: 422, wrong: []string{"atomic", "Idempotency-Key"}},
		{contentType: "text/csv", status: 415},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/events?"+tc.query, nil)
		r.Header.Set("Idempotency-Key", tc.key)
		r.Header.Set("Content-Type", tc.contentType)
		got, err := readParams(r)
		if tc.status == 0 {
			require.NoError(t, err, tc)
			require.Equal(t, tc.want, got, tc)
			continue
		}
		var p *problem.Error
		require.ErrorAs(t, err, &p, tc)
		require.Equal(t, tc.status, p.Status, tc)
		var wrong []string
		for _, e := range p.Errors {
			wrong = append(wrong, e.Field)
		}
		require.Equal(t, tc.wrong, wrong, tc)
	}
}
