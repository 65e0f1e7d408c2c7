package answers

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// replacements name what differs each time. They work on the bytes as they came:
// the order of members, spaces and the spelling of numbers stay.
var replacements = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`("(?:(?:identity_)?position|since|until|as_of)":)"[A-Za-z0-9_-]{40,}"`), `$1"<position>"`},
	{regexp.MustCompile(`(?m)^(id: )[A-Za-z0-9_-]{40,}`), `$1<position>`},
	{regexp.MustCompile(`("complete_until":)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"`), `$1"<time>"`},
	{regexp.MustCompile(`("requestId":)"[0-9a-f-]{36}"`), `$1"<request>"`},
	{regexp.MustCompile(`("server_upload_time":)\d{13}`), `$1<time>`},
	{regexp.MustCompile(`("(?:cache|sessionId|visitId)":)"[0-9a-f]{16}"`), `$1"<visitor>"`},
	{regexp.MustCompile(`("(?:received_at|made_at|created_at|changed_at|expires_at|last_used_at|revoked_at|as_of)":)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"`), `$1"<time>"`},
	{regexp.MustCompile(`("response_time_sec":)\d+(\.\d+)?(e-\d+)?`), `$1<seconds>`},
	{regexp.MustCompile(`("access_token":)"eyJ[A-Za-z0-9_.-]+"`), `$1"<secret>"`},
	{regexp.MustCompile(`("refresh_token":)"er_[a-z2-7]{52}"`), `$1"<secret>"`},
	{regexp.MustCompile(`("key":)"ea_[a-z2-7]{52}"`), `$1"<secret>"`},
	{regexp.MustCompile(`("secret":)"(?:eas_[a-z2-7]{26}|ei_[a-z2-7]{52})"`), `$1"<secret>"`},
	{regexp.MustCompile(`("id":)"[0-9a-f]{8}-[0-9a-f-]{27}"`), `$1"<id>"`},
	{regexp.MustCompile(`("version":)"[^"]+"`), `$1"<version>"`},
	{regexp.MustCompile(`("(?:segments|bytes|event_bytes|rollup_bytes|by_user_bytes)":)\d+`), `$1<number>`},
	{regexp.MustCompile(`("prefix":)"ea_[a-z2-7]{8}"`), `$1"<prefix>"`},
	{regexp.MustCompile(`(is later than )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), `$1<time>`},
	{regexp.MustCompile(`(/assets/)[0-9a-f]{16}/`), `${1}<build>/`},
	{regexp.MustCompile(`(try again in )(\d+h)?(\d+m)?\d+s`), `$1<time>`},
}

var headerReplacements = map[string]struct {
	pattern *regexp.Regexp
	with    string
}{
	"Date":                {regexp.MustCompile(`^.+ GMT$`), "<time>"},
	"Etag":                {regexp.MustCompile(`"([A-Za-z0-9_-]{22}|[0-9a-f]{16})"$`), `"<tag>"`},
	"Ratelimit-Limit":     {regexp.MustCompile(`^\d+$`), "<number>"},
	"Ratelimit-Remaining": {regexp.MustCompile(`^\d+$`), "<number>"},
	"Ratelimit-Reset":     {regexp.MustCompile(`^\d+$`), "<number>"},
	"Set-Cookie":          {regexp.MustCompile(`^(ea_session=)[A-Za-z0-9_-]{20,}`), "${1}<secret>"},
	"X-Position":          {regexp.MustCompile(`^[A-Za-z0-9_-]{40,}$`), "<position>"},
	"X-Request-Id":        {regexp.MustCompile(`^[0-9a-f]{32}$`), "<request>"},
}

// usual are the headers most answers have. They are recorded where one is missing
// or different.
var usual = map[string]string{
	"Connection":              "keep-alive",
	"Content-Security-Policy": "frame-ancestors 'none'",
	"Date":                    "<time>",
	"Server":                  "nginx",
	"X-Content-Type-Options":  "nosniff",
	"X-Request-Id":            "<request>",
}

// maxBody is how much of a long body is recorded; its hash covers the rest.
const maxBody = 8 << 10

// text is the answer as it is recorded.
func (s *sent) text() (string, error) {
	body, err := s.normalBody()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d\n", answerMark, s.status)
	for _, line := range s.headerLines(body) {
		b.WriteString(line + "\n")
	}
	if len(body) == 0 || s.headOnly {
		return b.String(), nil
	}
	if len(body) > maxBody {
		body = fmt.Sprintf("%s\n… %d bytes, SHA-256 %x\n", strings.ToValidUTF8(body[:maxBody/8], ""), len(body), sha256.Sum256([]byte(body)))
	}
	b.WriteString("\n" + body)
	if !strings.HasSuffix(body, "\n") {
		b.WriteString("\n\\ no line end\n")
	}
	return b.String(), nil
}

// headerLines are the headers that are not as usual. Content-Length is left out
// where body, as it is recorded, is not the one that was sent.
func (s *sent) headerLines(body string) (lines []string) {
	for name, values := range s.header {
		for _, value := range values {
			if r, ok := headerReplacements[name]; ok {
				value = r.pattern.ReplaceAllString(value, r.with)
			}
			switch {
			case name == "Content-Length" && (s.headOnly || body != string(s.body)):
				continue
			case name == "Retry-After" && s.status == http.StatusTooManyRequests:
				value = "<number>"
			case usual[name] == value && len(values) == 1:
				continue
			}
			lines = append(lines, name+": "+value)
		}
	}
	for name := range usual {
		if len(s.header[name]) == 0 {
			lines = append(lines, name+" is missing")
		}
	}
	slices.Sort(lines)
	return lines
}

func (s *sent) normalBody() (string, error) {
	if s.header.Get("Content-Type") == "application/vnd.apache.parquet" && s.status == 200 {
		return parquetText(s.body)
	}
	body := string(s.body)
	if s.headOnly {
		return body, nil
	}
	if !utf8.ValidString(body) {
		return fmt.Sprintf("%q", body), nil
	}
	body = instance.ReplaceAllStringFunc(body, func(found string) string {
		if strings.Contains(found, s.header.Get("X-Request-Id")) {
			return `"instance":"<request>"`
		}
		return `"instance":"<another request>"` // whose answer is given again
	})
	for _, r := range replacements {
		body = r.pattern.ReplaceAllString(body, r.with)
	}
	for _, days := range []int{-1, 0, 1} { // somewhere on Earth
		body = strings.ReplaceAll(body, time.Now().UTC().AddDate(0, 0, days).Format(`"2006-01-02"`), `"<today>"`)
	}
	return body, nil
}

var instance = regexp.MustCompile(`"instance":"[0-9a-f]{32}"`)
