package stats

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/stats/live"
	"eventanalytics/services/stats/question"
)

const (
	// beat is how often a stream says that it is there: proxies close what is silent for
	// a minute.
	beat = 15 * time.Second
	// maxStream is how long a stream lasts. Clients come back with the last id.
	maxStream = time.Hour
	// streamPiece is what a client must take within STATS_READ_GRACE, in bytes. If not, it
	// is disconnected, comes back and gets the rest.
	streamPiece = 64 << 10
)

// streamParams are those of events/stream.
type streamParams struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"200" doc:"The id of the last event that was received: the stream goes on behind it. EventSource sends it when it connects again"`
	After       string `query:"after" minLength:"1" maxLength:"200" doc:"The same, for the first connection: an id of this stream, or meta.position of an answer. Without either the stream begins now"`
	For         string `query:"for" default:"1h" minLength:"1" doc:"How long the stream lasts, at most 1h" example:"30s"`
	question.ArrivingParams
}

// registerStream adds the route for events as they arrive.
func (s *Service) registerStream(api huma.API) {
	op := huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: "/api/stats/events/stream", Summary: "Events as they arrive",
		Description: "A stream of server-sent events (text/event-stream): one for each event, in the order in which they became visible, each once. Its data are a row as in the latest events, its id is a position. " +
			"A client that was disconnected goes on behind the last id, for up to an hour. After that, or after the database was restored, the stream begins with an event \"reset\": events were left out, so load the latest ones again. " +
			"Every 15 seconds without events there is a comment. Filters may be on event_type, user_id and properties.",
		Tags:   []string{"Analytics"},
		Errors: []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		Responses: map[string]*huma.Response{"200": {
			Description: "Events, until the time is over, the client takes too long, its credential is no longer valid or the service stops",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeRead), ratelimit.ClassStats), s.streamEvents)
}

func (s *Service) streamEvents(ctx context.Context, p *streamParams) (*huma.StreamResponse, error) {
	st, err := s.openStream(ctx, p)
	if err != nil {
		return nil, streamProblem(ctx, err)
	}
	return &huma.StreamResponse{Body: st.serve}, nil
}

func streamProblem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, live.ErrFull):
		return problem.Unavailable("busy", err.Error(), 10*time.Second, err)
	case errors.Is(err, live.ErrTooMany):
		p := problem.New(http.StatusTooManyRequests, "too-many-streams", err.Error())
		p.RetryAfter = 10 * time.Second
		return p
	}
	return asProblem(ctx, question.Definition{}, err)
}

// stream is one client's.
type stream struct {
	service *Service
	*live.Stream
	project int64
	zone    *calendar.Zone
	holds   live.Test
	lasts   time.Duration
	cursor  live.Cursor
	version int64 // of the project, up to which the cursor is behind all events; -1: not known
	reset   bool  // events were left out
}

// openStream checks the parameters and finds where the stream begins.
func (s *Service) openStream(ctx context.Context, p *streamParams) (st *stream, err error) {
	caller := auth.From(ctx)
	st = &stream{service: s, project: caller.ProjectID, version: -1}
	if st.lasts, err = time.ParseDuration(p.For); err != nil || st.lasts <= 0 || st.lasts > maxStream {
		return nil, problem.Invalid("invalid-parameter", "for", fmt.Sprintf("%q is not a duration of at most 1h, such as 30s", p.For))
	}
	zone, filter, err := p.Which()
	if err != nil {
		return nil, err
	}
	st.zone = zone
	holds, ok := live.TestOf(filter, zone)
	if st.holds = holds; !ok {
		return nil, problem.Invalid("invalid-parameter", "filter", "may be on event_type, user_id and properties only: what users did is not known as events arrive")
	}
	snapshot, err := s.reader.Current()
	if err != nil {
		return nil, err
	}
	st.cursor.Position = snapshot.Position
	if st.Stream, err = s.feed.Open(st.project, fmt.Sprint(caller.UserID, "/", caller.KeyID)); err != nil {
		return nil, err
	}
	if last := cmp.Or(p.LastEventID, p.After); last != "" {
		err = st.resume(ctx, last)
	} else {
		st.version = snapshot.ProjectVersion(st.project)
	}
	if err != nil {
		st.Close()
	}
	return st, err
}

// resume puts the cursor where the client stopped, if everything behind that is still
// there.
func (st *stream) resume(ctx context.Context, last string) error {
	cursor, err := live.ParseID(st.service.tokens, st.project, last)
	if errors.Is(err, outbox.ErrBadToken) {
		return problem.Invalid("invalid-position", "after", "it, or Last-Event-ID, is not a position of this project")
	}
	can := err == nil && cursor.Position.Incarnation == st.cursor.Position.Incarnation
	if can {
		can, err = st.CanResume(ctx, cursor)
	}
	if st.reset = !can; can {
		st.cursor = cursor
	}
	return err
}

// serve writes the stream until it is over.
func (st *stream) serve(hc huma.Context) {
	defer st.Close()
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("Cache-Control", "no-store")
	hc.SetHeader("X-Accel-Buffering", "no")
	hc.SetStatus(http.StatusOK)
	w, ok := hc.BodyWriter().(http.ResponseWriter)
	if !ok || hc.Method() == http.MethodHead {
		return
	}
	out := &eventWriter{w: w, control: http.NewResponseController(w), grace: st.service.patience.grace}
	// Otherwise the time in which a request must arrive would end the answer.
	_ = out.control.SetReadDeadline(time.Time{})
	ctx, end := context.WithTimeout(hc.Context(), st.lasts)
	defer end()
	if stopping := server.Stopping(ctx); stopping != nil {
		go func() {
			defer end()
			select {
			case <-stopping:
			case <-ctx.Done():
			}
		}()
	}
	err := st.run(ctx, out)
	if out.failed {
		st.service.slow.Inc()
	}
	if err != nil && ctx.Err() == nil && !out.failed {
		server.RequestFrom(ctx).Err = err // for the log; the client comes back
	}
	_ = out.control.SetWriteDeadline(time.Time{})
}

// run sends events as they become visible. Between two looks at whether the caller may
// still have them there is at most a quarter of the time for which that is trusted.
func (st *stream) run(ctx context.Context, out *eventWriter) error {
	if err := st.begin(out); err != nil {
		return err
	}
	look := min(max(st.service.trusted/4, 250*time.Millisecond), beat)
	spoke := time.Now()
	for {
		if err := auth.StillMay(ctx); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, look)
		err := st.service.reader.Wait(waiting, st.cursor.Next())
		cancel()
		if err == nil {
			if err = st.catchUp(ctx, out, &spoke); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(spoke) >= beat {
			if err := out.send(": here\nid: " + st.id() + "\n\n"); err != nil {
				return err
			}
			spoke = time.Now()
		}
	}
}

// begin tells the client where the stream begins: it may be disconnected before the first
// event.
func (st *stream) begin(out *eventWriter) error {
	text := "retry: 2000\nid: " + st.id() + "\n"
	if st.reset {
		text += "event: reset\ndata: {}\n"
	}
	return out.send(text + "\n")
}

func (st *stream) id() string { return st.cursor.ID(st.service.tokens, st.project) }

// catchUp sends all events that are visible and behind the cursor.
func (st *stream) catchUp(ctx context.Context, out *eventWriter, spoke *time.Time) error {
	snapshot, err := st.service.reader.Current()
	if err != nil {
		return nil //nolint:nilerr // until the manifest can be read again there is nothing new
	}
	if snapshot.Position.Incarnation != st.cursor.Position.Incarnation {
		st.cursor, st.version, st.reset = live.Cursor{Position: snapshot.Position}, snapshot.ProjectVersion(st.project), true
		return st.begin(out)
	}
	for version := snapshot.ProjectVersion(st.project); version != st.version; {
		if err := auth.StillMay(ctx); err != nil {
			return err
		}
		found, err := st.Row(ctx, st.cursor, snapshot.Position, func(r live.Row) error { return st.send(r, out, spoke) })
		if err != nil {
			return err
		}
		if !found {
			st.version = version
		}
	}
	st.cursor = live.Cursor{Position: snapshot.Position}
	return nil
}

// send sends the events of a row that the filter holds for.
func (st *stream) send(r live.Row, out *eventWriter, spoke *time.Time) error {
	for i := r.Sent; i < len(r.Events); i++ {
		st.cursor = live.Cursor{Position: r.Position, Sent: (i + 1) % len(r.Events)}
		e := &r.Events[i]
		if !st.holds(e) {
			continue
		}
		row := streamedEvent{e.ID.String(), st.zone.Format(e.OccurredAt), e.UserID, e.Type, json.RawMessage(cmp.Or(e.Properties, "null"))}
		if err := out.add(st.id(), row); err != nil {
			return err
		}
		*spoke = time.Now()
	}
	st.cursor = live.Cursor{Position: r.Position}
	return out.flush()
}

// streamedEvent is a row of events.
type streamedEvent struct {
	EventID    string          `json:"event_id"`
	OccurredAt string          `json:"occurred_at"`
	UserID     string          `json:"user_id"`
	EventType  string          `json:"event_type"`
	Properties json.RawMessage `json:"properties"` // written without line ends, which would end the data
}

// eventWriter writes server-sent events to a client that must take them.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	grace   time.Duration // in which a piece must be taken
	held    bytes.Buffer
	failed  bool
}

// add adds an event, and sends what has come together when it is a piece.
func (w *eventWriter) add(id string, data any) error {
	w.held.WriteString("id: " + id + "\ndata: ")
	if err := writeValue(&w.held, data); err != nil {
		return err
	}
	w.held.WriteString("\n\n")
	if w.held.Len() < streamPiece {
		return nil
	}
	return w.flush()
}

// send sends a text, and what was added before.
func (w *eventWriter) send(text string) error {
	w.held.WriteString(text)
	return w.flush()
}

func (w *eventWriter) flush() error {
	defer w.held.Reset()
	for piece := range slices.Chunk(w.held.Bytes(), streamPiece) {
		_ = w.control.SetWriteDeadline(time.Now().Add(w.grace))
		_, err := w.w.Write(piece)
		if err == nil {
			err = w.control.Flush()
		}
		if err != nil {
			w.failed = true
			return fmt.Errorf("sending events: %w", err)
		}
	}
	return nil
}
