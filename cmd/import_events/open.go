package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/preset"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/client"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/eventid"
)

var delimiters = map[string]byte{"comma": ',', "semicolon": ';', "tab": '\t', "bar": '|'}

// open opens the files as a source of events.
func open(ctx context.Context, o options, stderr io.Writer) (mapping.Converter, source.Source, error) {
	how := source.Options{Format: source.Format(o.Format), Dialect: source.Dialect{Comma: delimiters[o.Delimiter]}}
	if !o.Quiet {
		how.Note = func(note string) { fmt.Fprintln(stderr, note) }
	}
	var converter mapping.Converter = mapping.Native{Numbers: mapping.Numbers(o.UserNumbers)}
	switch {
	case o.preset != nil:
		project, err := projectOf(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		m := o.preset.Mapping(preset.Import{Space: eventid.Of(project), Zone: o.clock.Zone()})
		m.Numbers, m.Always = mapping.Numbers(o.UserNumbers), o.EventType
		converter = m
		how.Fallback, how.Columns = o.preset.Format, o.preset.Columns
		dialect := o.preset.Dialect
		if how.Dialect.Comma != 0 {
			dialect.Comma = how.Dialect.Comma
		}
		how.Dialect = dialect
	case o.mapped != nil:
		converter = o.mapped
		how.Hash = o.mapped.ID.Row
	}
	how.Check = converter.Check
	src, err := source.Open(o.Files, how)
	if err != nil {
		return nil, nil, err
	}
	return converter, mapping.Reader{Source: src, Converter: converter}, nil
}

// service is how to reach it.
func (o *options) service() client.Config {
	return client.Config{
		URL: o.URL, Username: o.Username, Password: o.Password, APIKey: o.APIKey, Project: o.Project,
		Compression: client.Compression(o.Compression), RetryFor: o.RetryFor, Connections: o.Parallel,
	}
}

// projectOf returns the project that is imported into, on which ids depend. A dry run
// sends nothing and does not ask.
func projectOf(ctx context.Context, o options) (int64, error) {
	if o.Project != 0 || o.DryRun {
		return o.Project, nil
	}
	c, err := client.New(o.service())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	me, err := c.Me(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking for the account's project: %w", err)
	}
	return me.Project, nil
}

// sampleEvents are shown by a dry run.
const sampleEvents = 3

// show prints a valid event as it would be stored.
func show(w io.Writer, r source.Record) {
	b, err := event.Decode(bytes.NewReader(r.Event), true, event.Limits{MaxEvents: 1, NotAfter: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil || len(b.Events) == 0 {
		return
	}
	e := b.Events[0]
	stored := struct {
		ID         string          `json:"event_id"`
		OccurredAt string          `json:"occurred_at"`
		User       string          `json:"user_id"`
		Type       string          `json:"event_type"`
		Properties json.RawMessage `json:"properties,omitempty"`
	}{e.ID.String(), time.UnixMicro(e.OccurredAt).UTC().Format(time.RFC3339Nano), e.UserID, e.Type, json.RawMessage(e.Properties)}
	fmt.Fprintf(w, "%s, line %d:\n", r.File.Name, r.Line)
	text := json.NewEncoder(w)
	text.SetEscapeHTML(false)
	text.SetIndent("", "  ")
	_ = text.Encode(stored) // to the terminal
}
