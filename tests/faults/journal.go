package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// event is an event as a client sends it; the service must keep all of it.
type event struct {
	ID    uuid.UUID
	At    time.Time // UTC, to the microsecond
	User  string
	Type  string
	Props string // JSON without white space; empty for none
}

// entry is a line of a journal: an upload before it is sent for the first time
// (Events is set), or how one attempt to send it ended.
type entry struct {
	Upload     int
	Events     []event     `json:",omitempty"`
	Invalid    []uuid.UUID `json:",omitempty"` // in the upload, and to be refused
	Operations []uuid.UUID `json:",omitempty"` // in the upload
	SDK        bool        `json:",omitempty"` // sent as an SDK does: what is invalid is kept

	Status   int    `json:",omitempty"` // 0: no answer came
	Accepted int    `json:",omitempty"`
	Position string `json:",omitempty"`
}

// journal records what one client knows, on disk before the client acts on it.
type journal struct{ f *os.File }

func newJournal(dir string, round, client int) (*journal, error) {
	f, err := os.OpenFile(journalPath(dir, round, client), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a journal: %w", err)
	}
	return &journal{f}, nil
}

func journalPath(dir string, round, client int) string {
	return filepath.Join(dir, fmt.Sprintf("round-%d-client-%d.jsonl", round, client))
}

// write returns once the entry would survive a crash.
func (j *journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.f.Write(append(line, '\n'))
	}
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("writing a journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.f.Close() }

// story is the clients' account of a round in one project.
type story struct {
	sent         map[uuid.UUID][]event // by id, each content once
	acknowledged map[uuid.UUID]bool    // in an upload that is stored, says its answer
	refused      map[uuid.UUID]bool
	beside       map[beside]bool // sent, and whether it was acknowledged
	uploads      int
	events       int // sent, repeats included
	accepted     int // sum of what answers said
	unknown      int // attempts without an answer that tells their outcome
	positions    []string
}

// readStory reads what clients wrote in a round.
func readStory(dir string, round int, clients ...int) (*story, error) {
	s := &story{sent: map[uuid.UUID][]event{}, acknowledged: map[uuid.UUID]bool{}, refused: map[uuid.UUID]bool{}, beside: map[beside]bool{}}
	for _, client := range clients {
		if err := s.read(journalPath(dir, round, client)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *story) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading a journal: %w", err)
	}
	defer f.Close()
	uploads := map[int]entry{}
	lines := json.NewDecoder(bufio.NewReader(f))
	for lines.More() {
		var e entry
		if err := lines.Decode(&e); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if e.Events != nil {
			uploads[e.Upload] = e
			s.send(e)
			continue
		}
		s.answer(uploads[e.Upload], e)
	}
	return nil
}

func (s *story) send(e entry) {
	s.uploads++
	s.events += len(e.Events)
	for _, x := range e.Events {
		if !contains(s.sent[x.ID], x) {
			s.sent[x.ID] = append(s.sent[x.ID], x)
		}
	}
	for _, id := range e.Invalid {
		s.refused[id] = true
	}
	for _, b := range e.beside() {
		if _, known := s.beside[b]; !known {
			s.beside[b] = false
		}
	}
}

// form is the one that an upload was sent in.
func (e entry) form() *form {
	if e.SDK {
		return segmentSDK
	}
	return native
}

// beside is what is to be stored beside the outbox of an upload.
func (e entry) beside() (all []beside) {
	for _, id := range e.Operations {
		all = append(all, beside{operation, id})
	}
	if e.SDK {
		for _, id := range e.Invalid {
			all = append(all, beside{rejected, id})
		}
	}
	return all
}

func (s *story) answer(upload, e entry) {
	if e.Status != upload.form().stored {
		s.unknown++
		return
	}
	s.accepted += e.Accepted
	s.positions = append(s.positions, e.Position)
	for _, x := range upload.Events {
		s.acknowledged[x.ID] = true
	}
	for _, b := range upload.beside() {
		s.beside[b] = true
	}
}

func contains(events []event, x event) bool {
	for _, y := range events {
		if y.same(x) {
			return true
		}
	}
	return false
}

func (e event) same(x event) bool {
	return e.ID == x.ID && e.At.Equal(x.At) && e.User == x.User && e.Type == x.Type && e.Props == x.Props
}
