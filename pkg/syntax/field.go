package syntax

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ParseField reads the text of a field: event_type, user_id, properties.key, user.key,
// first.key, first_seen, last_seen, time.hour, time.weekday or cohort:name. Further keys after dots
// lead into objects, and numbers into arrays; "" is the empty key. A backslash makes the
// character after it an ordinary one; it is needed before what would be an operator in a
// condition.
func ParseField(s string) (Field, error) { return Everywhere.ParseField(s) }

// ParseField reads the text of a field that the grammar has.
func (g Grammar) ParseField(s string) (Field, error) {
	if err := checkText(s, MaxLength); err != nil {
		return Field{}, err
	}
	names, op, _, err := cutField(s, filterWords)
	if err != nil {
		return Field{}, err
	}
	f, err := g.field(names)
	if err == nil && op != "" {
		err = fmt.Errorf("has the operator %q, but is to be a field alone; a backslash before it makes it a part of the name", op)
	}
	if err != nil {
		return Field{}, err
	}
	return f, checkText(f.String(), MaxLength)
}

// eventField returns the field of an event that a name and keys lead to.
func eventField(names []string) (Field, error) {
	switch f := (Field{Source: Source(names[0]), Keys: names[1:]}); f.Source {
	case EventType, UserID:
		return f.withoutKeys()
	case Property:
		return f.withKeys()
	}
	return Field{}, fmt.Errorf("%q is not event_type, user_id or properties.…", names[0])
}

// fieldOf returns the field that a name and keys lead to.
func fieldOf(names []string) (Field, error) {
	if name, ok := strings.CutPrefix(names[0], cohortPrefix); ok {
		if len(names) > 1 {
			return Field{}, fmt.Errorf("%s has no keys", Cohort)
		}
		return Field{Source: Cohort, Name: name}, CheckCohortName(name)
	}
	switch f := (Field{Source: Source(names[0]), Keys: names[1:]}); f.Source {
	case EventType, UserID, FirstSeen, LastSeen:
		return f.withoutKeys()
	case Property, UserProperty, FirstProperty:
		return f.withKeys()
	case "time":
		of := Source(strings.Join(names, "."))
		if of != Hour && of != Weekday {
			return Field{}, errors.New("names no part of the time: there are time.hour and time.weekday")
		}
		return Field{Source: of}, nil
	case Cohort:
		return Field{}, fmt.Errorf("names no cohort, as in %spaying", cohortPrefix)
	case Entry, Exit:
		return Field{}, fmt.Errorf("names a field at the %s of a session, which only the question sessions has", f.Source)
	case Source(DidSo), Source(ReachedSo):
		return Field{}, fmt.Errorf(`names %[1]s, which is a filter of its own, as in {"%[1]s": …}`, f.Source)
	}
	return Field{}, fmt.Errorf("%q is not event_type, user_id, properties.…, user.…, first.…, first_seen, last_seen, time.hour, time.weekday or cohort:…", names[0])
}

// cohortPrefix is what a field is written with that is a cohort.
const cohortPrefix = string(Cohort) + ":"

var cohortName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// CheckCohortName refuses what cannot be the name of a cohort.
func CheckCohortName(name string) error {
	if !cohortName.MatchString(name) {
		return errors.New("has no name of a cohort: 1 to 64 of a–z, 0–9, _ and -, of which the first is a letter or digit")
	}
	return nil
}

// sessionField returns the field that a name and keys lead to where there are also those
// of the first and the last event of a session.
func sessionField(names []string) (Field, error) {
	place := Source(names[0])
	if place != Entry && place != Exit {
		return fieldOf(names)
	}
	if len(names) == 1 {
		return Field{}, fmt.Errorf("names no field, as in %s.properties.page", place)
	}
	f, err := fieldOf(names[1:])
	if err != nil {
		return Field{}, err
	}
	return Field{Source: place, Of: &f}, nil
}

// AtEvent returns the field that is looked at in an event: that of an entry or exit, else
// the field itself.
func (f Field) AtEvent() Field {
	if f.Of != nil {
		return *f.Of
	}
	return f
}

func (f Field) withoutKeys() (Field, error) {
	if len(f.Keys) > 0 {
		return Field{}, fmt.Errorf("%s has no keys", f.Source)
	}
	return Field{Source: f.Source}, nil
}

func (f Field) withKeys() (Field, error) {
	if len(f.Keys) == 0 {
		return Field{}, fmt.Errorf("names no property, as in %s.country", f.Source)
	}
	return f, nil
}

// String returns the canonical text, with no backslash that is not needed.
func (f Field) String() string {
	var b strings.Builder
	b.WriteString(string(f.Source))
	if f.Of != nil {
		b.WriteString("." + f.Of.String())
	}
	if f.Source == Cohort {
		b.WriteString(":" + f.Name)
	}
	for _, key := range f.Keys {
		b.WriteByte('.')
		writeKey(&b, key)
	}
	return b.String()
}

// MarshalText returns the canonical text.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a field of any grammar.
func (f *Field) UnmarshalText(text []byte) (err error) {
	*f, err = OfSessions.ParseField(string(text))
	return err
}

func writeKey(b *strings.Builder, key string) {
	switch key {
	case "":
		b.WriteString(emptyKey)
		return
	case emptyKey:
		b.WriteString(`\"\"`)
		return
	}
	for i := range len(key) {
		last := i == len(key)-1
		switch c := key[i]; {
		case strings.IndexByte(`\.:=<>~`, c) >= 0,
			c == '!' && (last || key[i+1] == '='),
			c == ' ' && (last || beginsLikeWord(key[i:])):
			b.WriteByte('\\')
		}
		b.WriteByte(key[i])
	}
}

// beginsLikeWord says whether a space might be read as the colon before an operator.
func beginsLikeWord(s string) bool {
	s = strings.TrimLeft(s, " ")
	return slices.ContainsFunc(filterWords, func(word string) bool { return strings.HasPrefix(s, word) })
}
