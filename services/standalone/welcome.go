package standalone

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// welcome prints where everything is and how to post the first event; the commands
// work as they are when pasted into a shell.
func welcome(out io.Writer, o Options, now time.Time) error {
	url, now := o.url(), now.UTC()
	_, err := fmt.Fprintf(out, `
Event Analytics is ready.

  Service        %[1]s
  Documentation  %[1]s/docs
  Data           %[2]s

Your first event:

  curl -s %[1]s/api/auth/register -H 'Content-Type: application/json' \
    -d '{"username": "demo", "password": "try-it-out"}'
  TOKEN=$(curl -s %[1]s/api/auth/token -d 'username=demo&password=try-it-out' |
    sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  ANSWER=$(curl -s %[1]s/api/events -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"event_id": "%[3]s", "occurred_at": "%[4]s", "user_id": 42, "event_type": "hello"}')
  echo "$ANSWER"

How many users were active today, including that event:

  POSITION=$(echo "$ANSWER" | sed 's/.*"position":"\([^"]*\)".*/\1/')
  curl -s "%[1]s/api/stats/dau?from=%[5]s&to=%[5]s&min_position=$POSITION" -H "Authorization: Bearer $TOKEN"

Ctrl-C stops everything and keeps the data.

`, url, o.DataDir, uuid.NewString(), now.Format(time.RFC3339), now.Format(time.DateOnly))
	if err != nil {
		return fmt.Errorf("printing the welcome: %w", err)
	}
	return nil
}
