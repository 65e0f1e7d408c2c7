package sdk

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/ingest/sdk/loose"
)

// Keys are what a request names as its key, in places of different weight.
type Keys struct {
	// Strong are places for a key and nothing else: whatever is there must be one.
	Strong []string
	// Weak are places that may hold something else, such as the name of a site.
	Weak []string
}

// keyNames are the members of bodies and queries for a key.
var keyNames = []string{"api_key", "writeKey", "token"}

// Body adds the places of an object's own members, and returns those of its members that
// have one of a few other names.
func (k *Keys) Body(text []byte, others ...string) (map[string][]byte, error) {
	fields, err := loose.Fields(text, slices.Concat(keyNames, others)...)
	if err != nil {
		return nil, err
	}
	for _, name := range keyNames {
		k.strong(loose.Small(fields[name]).Text())
	}
	return fields, nil
}

// KeysOf finds the keys in a body that is one object, for Route.Keys.
func KeysOf(r *Request) (k Keys, err error) {
	_, err = k.Body(r.Body)
	return k, err
}

// Add adds a place for a key and nothing else.
func (k *Keys) Add(text []byte) { k.strong(loose.Small(text).Text()) }

func (k *Keys) strong(key string) {
	if key != "" && !strings.HasSuffix(key, "***") { // Jitsu hides its key so
		k.Strong = append(k.Strong, key)
	}
}

// AddWeak adds a place that may hold something else.
func (k *Keys) AddWeak(text []byte) {
	if key := loose.Small(text).Text(); key != "" {
		k.Weak = append(k.Weak, key)
	}
}

// join adds the places of others, of which empty ones name no key.
func (k *Keys) join(others Keys) {
	for _, key := range others.Strong {
		k.strong(key)
	}
	k.Weak = append(k.Weak, others.Weak...)
}

// Named returns the texts of those members of an item that are places for a key.
func Named(item loose.Value, others ...string) (keys []string) {
	for _, name := range slices.Concat(keyNames, others) {
		keys = append(keys, item.Get(name).Text())
	}
	return keys
}

// errTwoKeys refuses a request that could be of two projects.
var errTwoKeys = &RefusalError{Cause: BadKey, Message: "the request names two different keys"}

// headerKeys finds the keys in the headers and the query, the first in force.
func headerKeys(r *http.Request, query url.Values) (Keys, error) {
	var k Keys
	for _, value := range r.Header.Values("Authorization") {
		scheme, rest, _ := strings.Cut(value, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			k.strong(rest)
		case strings.EqualFold(scheme, "Basic"):
			text, err := base64.StdEncoding.DecodeString(rest)
			user, password, _ := strings.Cut(string(text), ":")
			if err != nil || password != "" { // a service account of Mixpanel has one
				return k, &RefusalError{Cause: BadKey, Message: "Authorization: Basic takes the key as user name, without a password"}
			}
			k.strong(user)
		default:
			return k, &RefusalError{Cause: BadKey, Message: "Authorization must be Basic or Bearer"}
		}
	}
	k.strong(r.Header.Get("X-API-Key"))
	if written := r.Header.Get("X-Write-Key"); written != "" {
		_, key, ok := strings.Cut(written, ":")
		if !ok {
			key = written
		}
		k.strong(key)
	}
	if secret := r.Header.Get("openpanel-client-secret"); secret != "" {
		k.strong(secret)
	} else {
		k.strong(r.Header.Get("openpanel-client-id"))
	}
	for _, name := range keyNames {
		for _, value := range query[name] {
			k.strong(value)
		}
	}
	return k, nil
}

// one returns the key that all places agree on, or "" when there is none.
func (k *Keys) one() (string, error) {
	key := ""
	take := func(all []string) error {
		for _, other := range all {
			if key != "" && key != other {
				return errTwoKeys
			}
			key = other
		}
		return nil
	}
	if err := take(k.Strong); err != nil {
		return "", err
	}
	for _, weak := range k.Weak { // a site's name is no key
		if auth.IsKey(weak) {
			if err := take([]string{weak}); err != nil {
				return "", err
			}
		}
	}
	if key == "" && len(k.Weak) > 0 {
		key = k.Weak[0]
	}
	return key, nil
}
