package standalone

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// welcome prints where everything is and, the first time that a folder is used, how
// to post the first event; the commands work as they are when pasted into a shell.
func welcome(out io.Writer, o Options, now time.Time) error {
	first := ""
	if !welcomed(o.DataDir) {
		first = firstEvent(o.url(), now.UTC())
	}
	_, err := fmt.Fprintf(out, `
Event Analytics is ready.

  Dashboard      %[1]s
  Documentation  %[1]s/docs
  Data           %[2]s
%[3]s
Ctrl-C stops everything and keeps the data.

`, o.url(), o.DataDir, first)
	if err != nil {
		return fmt.Errorf("printing the welcome: %w", err)
	}
	return nil
}

func firstEvent(url string, now time.Time) string {
	return fmt.Sprintf(`
Your first event:

  curl -s %[1]s/api/auth/register -H 'Content-Type: application/json' \
    -d '{"username": "demo", "password": "try-it-out"}'
  TOKEN=$(curl -s %[1]s/api/auth/token -d 'username=demo&password=try-it-out' |
    sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  ANSWER=$(curl -s %[1]s/api/events -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"event_id": "%[2]s", "occurred_at": "%[3]s", "user_id": 42, "event_type": "hello"}')
  echo "$ANSWER"

How many users were active today, including that event:

  POSITION=$(echo "$ANSWER" | sed 's/.*"position":"\([^"]*\)".*/\1/')
  curl -s "%[1]s/api/stats/dau?from=%[4]s&to=%[4]s&min_position=$POSITION" -H "Authorization: Bearer $TOKEN"
`, url, uuid.NewString(), now.Format(time.RFC3339), now.Format(time.DateOnly))
}
