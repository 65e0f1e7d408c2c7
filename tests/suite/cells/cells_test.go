package cells

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// person is a user of a cell with keys of their project.
type person struct {
	*api.Caller
	ingest, read string
}

func newPerson(t *testing.T, f *front, cell string) person {
	t.Helper()
	p := person{Caller: api.NewUser(t, of(cell), f)}
	p.ingest, _ = p.Key(t, "ingest")
	p.read, _ = p.Key(t, "read")
	for _, key := range []string{p.ingest, p.read} {
		require.Regexp(t, "^ea_"+cell+"_[a-z2-7]{52}$", key)
	}
	return p
}

func anEvent() string {
	return fmt.Sprintf(`{"event_id":%q,"occurred_at":"2025-08-01T00:00:00Z","user_id":"ann","event_type":"x"}`, uuid.NewString())
}

// counted is how many events the key's project has, as of a position of its cell.
func counted(t *testing.T, c *api.Caller, position string) (n int) {
	t.Helper()
	type day struct{ Events int }
	for _, d := range api.Rows[day](t, c, position, "/api/stats/events", "from", "2025-08-01", "to", "2025-08-01") {
		n += d.Events
	}
	return n
}

func bearing(c *api.Caller, key string) *api.Caller { return c.With("Authorization", "Bearer "+key) }

// A key that names its cell needs no host name of it; events of one cell are in no other.
func TestKeysLeadToTheirCell(t *testing.T) {
	f := both(t)
	shared := f.anonymous("")
	people := map[string]person{}
	for name := range cells {
		people[name] = newPerson(t, f, name)
	}
	require.Equal(t, people["eu1"].Project, people["us1"].Project, "ids do not tell projects of two cells apart")
	sent := map[string]int{"eu1": 3, "us1": 5}
	position := map[string]string{}
	for name, p := range people {
		for range sent[name] {
			position[name] = bearing(shared, p.ingest).Upload(t, anEvent()).Position
		}
	}
	for name, p := range people {
		require.Equal(t, sent[name], counted(t, bearing(shared, p.read), position[name]), name)
		require.Equal(t, sent[name], counted(t, shared.With("X-API-Key", p.read), position[name]), name)
		require.Equal(t, sent[name], counted(t, p.Caller, position[name]), "to the user, at the host name of %s", name)
	}
	// At another cell's host name a key is worth nothing, and neither is a login.
	bearing(f.anonymous("us1"), people["eu1"].ingest).Send(t, anEvent()).Is(t, 401, "unauthorized")
	people["eu1"].At(of("us1")).Get(t, "/api/auth/me").Is(t, 401, "unauthorized")
	f.anonymous("us1").TryLogin(t, people["eu1"].Username, api.Password).Is(t, 401, "invalid-credentials")
	require.Equal(t, sent["us1"], counted(t, people["us1"].Caller, position["us1"]))
}

// Keys are found wherever SDKs put them, except in bodies.
func TestKeysOfSDKs(t *testing.T) {
	f := both(t)
	p := newPerson(t, f, "us1") // not the one where the rest goes
	key := p.ingest
	encoded := base64.StdEncoding.EncodeToString([]byte(key + ":"))
	basic := "Basic " + encoded
	body := func() string { return fmt.Sprintf(`{"messageId":%q,"event":"x","userId":"ann"}`, uuid.NewString()) }
	batch := func() string {
		return fmt.Sprintf(`{"api_key":%q,"batch":[{"uuid":%q,"event":"x","distinct_id":"ann"}]}`, key, uuid.NewString())
	}
	for name, r := range map[string]struct {
		host, method, path, body string
		headers                  []string
		status                   int
	}{
		"Basic":                     {"", "POST", "/v1/track", body(), []string{"Authorization", basic}, 200},
		"Basic, in lower case":      {"", "POST", "/v1/track", body(), []string{"Authorization", "basic  " + encoded}, 200},
		"X-Write-Key":               {"", "POST", "/api/s/track", body(), []string{"X-Write-Key", "x:" + key}, 200},
		"path":                      {"", "GET", "/array/" + key + "/config", "", nil, 200},
		"path of a project":         {"", "GET", "/v1/projects/" + key + "/settings", "", nil, 200},
		"query":                     {"", "GET", "/sourceConfig?p=web&writeKey=" + key + "&v=1", "", nil, 200},
		"body, at its own host":     {"us1", "POST", "/batch", batch(), nil, 200},
		"body, where none is named": {"", "POST", "/batch", batch(), nil, 401},
	} {
		a := f.anonymous(r.host).Do(t, r.method, r.path, strings.NewReader(r.body), append(r.headers, "Content-Type", "application/json")...)
		require.Equal(t, r.status, a.Status, "%s: %s", name, a)
	}
}

// A request that names no cell is told so, or goes where cells.conf says.
func TestUnknownCells(t *testing.T) {
	f := both(t)
	random := strings.Repeat("a", 52)
	nowhere := bearing(f.anonymous(""), "ea_xx9_"+random)
	require.Contains(t, nowhere.Send(t, anEvent()).Is(t, 421, "unknown-cell").Problem(t).Detail, "No installation here")
	nowhere.Get(t, "/api/stats/dau").Is(t, 421, "unknown-cell")
	nowhere.At(of("www")).Get(t, "/api/stats/dau").Is(t, 421, "unknown-cell")

	// What an older installation made has no name: the rest goes to eu1.
	old := bearing(f.anonymous(""), "ea_"+random).Send(t, anEvent()).Is(t, 401, "unauthorized")
	require.NotEmpty(t, old.Header.Get("X-Request-Id"))
	f.anonymous("www").Get(t, "/api/auth/session").Is(t, 200, "")

	list, _, _ := strings.Cut(read(t, "deployments", "nginx", "cells.conf"), "\n-")
	strict := startFront(t, nil, stack.Cells{List: list})
	for _, c := range []*api.Caller{strict.anonymous(""), strict.anonymous("www"), bearing(strict.anonymous(""), "ea_"+random), strict.anonymous("").With("Authorization", "us1")} {
		a := c.With("Origin", "https://shop.example").Get(t, "/api/auth/session").Is(t, 421, "unknown-cell")
		require.Equal(t, "https://shop.example", a.Header.Get("Access-Control-Allow-Origin"), "a page can read why")
	}
	strict.anonymous("").Get(t, "/gateway/healthz").Is(t, 200, "")
	require.NotContains(t, strict.log(), random)
}

// A project that has moved takes its keys along, whatever they name, and wherever they are sent.
func TestMovedKeys(t *testing.T) {
	addresses := map[string]string{}
	for name := range cells {
		addresses[name], _ = cell(t, name)
	}
	p := newPerson(t, startFront(t, addresses, stack.Cells{}), "eu1")
	moved := func(to string) *front {
		list := read(t, "deployments", "nginx", "cells.conf")
		shown := p.ingest[:len("ea_eu1_")+8]
		// The lines of the list's comments.
		for example, own := range map[string]string{"ea_eu1_abcdefgh ": shown + " ", `"~^Key ZWFfZXUxX2FiY2RlZmdo" `: `"~^Key ` + base64.StdEncoding.EncodeToString([]byte(shown)) + `" `} {
			before, after, ok := strings.Cut(list, "# "+example)
			require.True(t, ok, example)
			_, after, _ = strings.Cut(after, "\n")
			list = before + own + to + ";\n" + after
		}
		return startFront(t, addresses, stack.Cells{List: list})
	}
	there, nowhere := moved("us1:5066"), moved("127.0.0.1:1")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.ingest+":"))
	for _, host := range []string{"", "eu1"} {
		bearing(there.anonymous(host), p.ingest).Send(t, anEvent()).Is(t, 401, "unauthorized") // which does not know it
		bearing(nowhere.anonymous(host), p.ingest).Send(t, anEvent()).Is(t, 503, "unavailable")
		for f, status := range map[*front]int{there: 401, nowhere: 503} {
			a := f.anonymous(host).With("Authorization", basic).Post(t, "/v1/track", api.Object{"event": "x", "userId": "ann"})
			require.Equal(t, status, a.Status, a)
		}
	}
	held := bearing(nowhere.anonymous(""), p.ingest)
	bearing(held, p.read).Get(t, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01").Is(t, 200, "")
}

// The shipped list is what its comments say.
func TestShippedList(t *testing.T) {
	f := startFront(t, nil, stack.Cells{}) // nginx starts though nobody knows eu1
	f.anonymous("").Get(t, "/gateway/healthz").Is(t, 200, "")
	list := read(t, "deployments", "nginx", "cells.conf")
	for name := range cells {
		out := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("ea_"+name+"_")), "=")
		require.Contains(t, list, `"~^Basic `+out[:len(out)-1]+`"  `+name+":5066;")
	}
}

// Browsers log in at the host name of their cell, over the scheme of the gateway in front; what
// services know of a client is its address there.
func TestBrowsersOfACell(t *testing.T) {
	addresses := map[string]string{}
	for name := range cells {
		addresses[name], _ = cell(t, name)
	}
	f := startFront(t, addresses, stack.Cells{Server: "set $gateway_scheme https;"}) // as behind what ends TLS
	p := newPerson(t, f, "us1")
	a := f.anonymous("us1").With("X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http", "X-Request-Id", "browser-of-us1").
		Post(t, "/api/auth/session", api.Object{"username": p.Username, "password": api.Password}).Is(t, 204, "")
	cookie, err := http.ParseSetCookie(a.Header.Get("Set-Cookie"))
	require.NoError(t, err)
	require.Equal(t, "__Host-ea_session", cookie.Name)
	require.Empty(t, cookie.Domain, "of this host name alone")
	pair := cookie.Name + "=" + cookie.Value
	f.anonymous("us1").With("Cookie", pair).Get(t, "/api/auth/me").Is(t, 200, "")
	f.anonymous("eu1").With("Cookie", pair).Get(t, "/api/auth/me").Is(t, 401, "unauthorized")

	var line string
	require.NoError(t, stack.Poll(t.Context(), patience, func() error {
		for l := range strings.Lines(logOf(t, "us1", "account")) {
			if strings.Contains(l, "browser-of-us1") {
				line = l
				return nil
			}
		}
		return fmt.Errorf("no line of the login")
	}))
	require.Contains(t, line, client)
	require.NotContains(t, line, "203.0.113.9")
}

// A cell that is down, or hangs, is felt by nobody else.
func TestACellDown(t *testing.T) {
	addresses := map[string]string{}
	gateways := map[string]*stack.Process{}
	for name := range cells {
		addresses[name], gateways[name] = cell(t, name)
	}
	f := startFront(t, addresses, stack.Cells{})
	eu, us := newPerson(t, f, "eu1"), newPerson(t, f, "us1")
	require.NoError(t, gateways["eu1"].Stop())
	for range 20 {
		a := bearing(f.anonymous(""), eu.ingest).With("Origin", "https://shop.example").Send(t, anEvent()).Is(t, 503, "unavailable")
		require.Equal(t, "1", a.Header.Get("Retry-After"))
		require.Equal(t, "https://shop.example", a.Header.Get("Access-Control-Allow-Origin"))
		position := bearing(f.anonymous(""), us.ingest).Upload(t, anEvent()).Position
		require.NotEmpty(t, position)
		us.Get(t, "/api/auth/me").Is(t, 200, "")
	}
	f.anonymous("").Get(t, "/sourceConfig", "writeKey", eu.ingest).Is(t, 503, "unavailable")
	require.NotContains(t, f.log(), eu.ingest)

	// One that takes requests and answers none.
	ln, err := net.Listen("tcp", freeAddress(t))
	require.NoError(t, err)
	defer ln.Close()
	asked := make(chan net.Conn, 16)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
				asked <- conn
			}
		}
	}()
	addresses["eu1"] = ln.Addr().String()
	f = startFront(t, addresses, stack.Cells{PerCell: 2})
	for range 2 {
		conn, err := net.Dial("tcp", f.address)
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: eu1.%s\r\n\r\n", domain)
		require.NoError(t, err)
		defer (<-asked).Close()
	}
	f.anonymous("eu1").Get(t, "/").Is(t, 503, "unavailable")
	for range 4 {
		bearing(f.anonymous(""), us.ingest).Upload(t, anEvent())
		f.anonymous("us1").Get(t, "/readyz").Is(t, 200, "")
	}
}
