package sdk

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/services/ingest/intake"
	"eventanalytics/services/ingest/sdk/loose"
)

const (
	// MaxItem is the longest item that is read: a longer one cannot be valid, and would
	// take many times its length in memory.
	MaxItem = 256 << 10
	// maxKept is how much of an item is kept, in the quarantine or as an operation.
	maxKept = 64 << 10
)

// Reasons for the quarantine.
const (
	reasonNoUser      = "no-user"
	reasonLongUser    = "user-too-long"
	reasonNoType      = "no-type"
	reasonLongType    = "type-too-long"
	reasonTooLarge    = "properties-too-large"
	reasonTooDeep     = "too-deep"
	reasonBadNumber   = "bad-number"
	reasonTooEarly    = "before-earliest"
	reasonNotAnObject = "not-an-object"
)

// removed are members that are no property of the event, whoever sends them.
var removed = []string{"token", "api_key", "mp_sent_by_lib_version", "distinct_id"}

// settler turns the items of one request into what is stored.
type settler struct {
	protocol *Protocol
	caller   auth.Principal
	env      *Envelope
	limits   event.Limits
	ids      *identities
	out      *intake.Received
	items    []passed // by index
	wantIDs  bool
	key      string   // of the request, which its items may name; empty when they were checked before
	sentIDs  []string // by index
	scratch  []byte
}

// passed is an event that breaks no rule of its own, for the case that its project has no
// room for its names. It is empty for other items.
type passed struct {
	id  uuid.UUID
	raw []byte
}

func newSettler(p *Protocol, caller auth.Principal, env *Envelope, limits event.Limits) *settler {
	s := &settler{
		protocol: p, caller: caller, env: env, limits: limits,
		ids: newIdentities(p.Name, caller.ProjectID), out: &intake.Received{Batch: &event.Batch{}},
		scratch: make([]byte, 0, usualEvent),
	}
	s.out.Quarantine = func(index int32, m event.Mistake) intake.Rejected {
		e := s.items[index]
		r := s.rejected(e.id, e.raw, m.Code, m.Message)
		r.Index = index
		return r
	}
	return s
}

// add settles the next item. An error refuses the whole request: it is not JSON, or names
// another key.
func (s *settler) add(raw []byte) error {
	index := int32(len(s.items))
	s.items = append(s.items, passed{})
	for s.wantIDs && len(s.sentIDs) < int(index) { // those that are not read
		s.sentIDs = append(s.sentIDs, "")
	}
	if len(raw) > MaxItem {
		s.reject(s.ids.ofRaw(raw), index, raw, reasonTooLarge, "an event may have at most 256 KiB")
		return nil
	}
	item, err := loose.Parse(raw)
	switch {
	case errors.Is(err, loose.ErrTooDeep):
		s.reject(s.ids.ofRaw(raw), index, raw, reasonTooDeep, "properties may be nested at most 32 levels deep")
		return nil
	case err != nil:
		return err
	case item.Kind() != loose.Object:
		s.reject(s.ids.ofRaw(raw), index, raw, reasonNotAnObject, "an event must be a JSON object")
		return nil
	}
	if s.key != "" && s.protocol.ItemKeys != nil {
		keys := Keys{Strong: []string{s.key}}
		keys.join(s.protocol.ItemKeys(item))
		if _, err := keys.one(); err != nil {
			return err
		}
	}
	s.settle(index, raw, item)
	return nil
}

func (s *settler) settle(index int32, raw []byte, item loose.Value) {
	d := s.protocol.Decode(item, s.env)
	id, content := s.ids.of(&d, item)
	if s.wantIDs {
		s.sentIDs = append(s.sentIDs, d.ID)
	}
	if d.Bad != nil {
		r := s.reject(id, index, raw, d.Bad.Reason, d.Bad.Message)
		r.Whole = r.Whole && !d.Bad.Cut
		return
	}
	user := d.Known
	if user == "" {
		user = d.Anonymous
	}
	at, changed := occurred(&d, s.env, s.limits.NotAfter)
	if d.Operation != "" {
		o := intake.Operation{ID: id, OccurredAt: at.UnixMicro(), Kind: d.Operation, UserID: user, Place: index}
		if s.operation(o, d.OfGroup, raw, item) {
			s.claim(&d, index, id)
			s.change(&d, user, index, id)
		}
		return
	}
	e := event.Event{ID: id, OccurredAt: at.UnixMicro(), UserID: user, Type: printable(d.Type), Sent: content}
	if changed {
		d.Properties.Set("$client_time", d.Time)
	}
	if s.env.IP != "" {
		d.Properties.Add("$ip", loose.Text(s.env.IP))
	}
	e.Properties = s.properties(d.Properties)
	if bad := s.check(&e); bad != nil {
		s.reject(id, index, raw, bad.Reason, bad.Message)
		return
	}
	s.items[index] = passed{id, raw}
	s.out.Batch.Events = append(s.out.Batch.Events, e)
	s.out.Batch.Indexes = append(s.out.Batch.Indexes, index)
	s.claim(&d, index, uuid.Nil)
	s.change(&d, user, index, uuid.Nil)
}

// properties writes an event's properties; empty when there are none.
func (s *settler) properties(p loose.Value) string {
	if p.Len() == 0 {
		return ""
	}
	if s.scratch = p.Append(s.scratch[:0], removed...); string(s.scratch) == "{}" {
		return ""
	}
	return string(s.scratch)
}

// printable replaces what event types may not have: an SDK cannot mend its names.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, name)
}

// check applies the rules of events, in the words of the quarantine.
func (s *settler) check(e *event.Event) *Bad {
	switch {
	case e.UserID == "":
		return &Bad{Reason: reasonNoUser, Message: "the event names neither a user nor a device"}
	case e.Type == "":
		return &Bad{Reason: reasonNoType, Message: "the event has no name"}
	}
	m := event.Validate(e, s.limits)
	if m == nil {
		return nil
	}
	reason := map[string]string{
		"user_id invalid-field": reasonLongUser, "event_type invalid-field": reasonLongType,
		"properties too-large": reasonTooLarge, "properties too-deep": reasonTooDeep, "properties number-out-of-range": reasonBadNumber,
		"occurred_at timestamp-too-early": reasonTooEarly,
	}[m.Field+" "+m.Code]
	if reason == "" {
		reason = m.Code
	}
	return &Bad{Reason: reason, Message: m.Field + " " + m.Message}
}

// operation applies the rules of operations, and says whether o breaks none. One of a group
// need not name a user.
func (s *settler) operation(o intake.Operation, ofGroup bool, raw []byte, item loose.Value) bool {
	o.Protocol, o.Payload = s.protocol.Name, string(item.Append(nil))
	switch {
	case o.UserID == "" && !ofGroup:
		s.reject(o.ID, o.Place, raw, reasonNoUser, "the operation names neither a user nor a device")
	case len(o.Payload) > maxKept:
		s.reject(o.ID, o.Place, raw, reasonTooLarge, "an operation may have at most 64 KiB")
	case utf8.RuneCountInString(o.UserID) > 200:
		s.reject(o.ID, o.Place, raw, reasonLongUser, "user_id must have 1 to 200 characters")
	case o.OccurredAt < s.limits.NotBefore.UnixMicro():
		s.reject(o.ID, o.Place, raw, reasonTooEarly, "occurred_at is too early")
	default:
		s.out.Operations = append(s.out.Operations, o)
		return true
	}
	return false
}

// reject puts an item into the quarantine, and returns it as it is there.
func (s *settler) reject(id uuid.UUID, index int32, raw []byte, reason, message string) *intake.Rejected {
	r := s.rejected(id, raw, reason, message)
	r.Index = index
	s.out.Rejected = append(s.out.Rejected, r)
	return &s.out.Rejected[len(s.out.Rejected)-1]
}

func (s *settler) rejected(id uuid.UUID, raw []byte, reason, message string) intake.Rejected {
	payload, whole := raw, true
	if len(payload) > maxKept {
		payload, whole = payload[:maxKept], false
	}
	envelope, _ := json.Marshal(s.env) // of texts and times that can be written: it cannot fail
	return intake.Rejected{
		ID: id, Protocol: s.protocol.Name, Reason: reason, Message: message,
		Payload: loose.Clean(string(payload)), Whole: whole, Envelope: string(envelope), KeyID: s.caller.KeyID,
	}
}
