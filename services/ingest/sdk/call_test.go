package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/services/ingest/body"
)

// TestHangingUp: a client that hangs up is no error of ours, whatever its request waited
// for. What would fail for others as well is.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	bug := errors.New("a bug")
	lost := fmt.Errorf("connecting: %w", &net.OpError{Op: "dial", Err: context.Canceled})
	for _, err := range []error{lost, body.ErrOverloaded, body.ErrOwnShare, problem.Unavailable("unavailable", "", 0, nil), bug} {
		for _, ctx := range []context.Context{gone, t.Context()} {
			refused := false
			c := &call{candidate: candidate{route: &Route{Refuse: func(http.ResponseWriter, *RefusalError) { refused = true }}}, request: &Request{}}
			c.http = httptest.NewRequestWithContext(ctx, http.MethodPost, "/e", nil)
			got := c.refuse(httptest.NewRecorder(), err)
			switch {
			case errors.Is(err, bug):
				require.ErrorIs(t, got, bug)
			case ctx == gone:
				var p *problem.Error
				require.ErrorAs(t, got, &p, "%T", err)
				require.Equal(t, 499, p.Status)
				require.False(t, refused)
			default:
				require.NoError(t, got)
				require.True(t, refused, "%T: the client is there, and comes back", err)
			}
		}
	}
}
