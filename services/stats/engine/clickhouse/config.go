package clickhouse

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Config says which ClickHouse is asked, and when.
type Config struct {
	URL         string   `env:"ENGINE_URL" doc:"ClickHouse that reads the segments where a question scans many events: clickhouse://host:8123 or https://host:8443, the HTTP interface. Empty: DuckDB reads all. See docs/engine.md"`
	User        string   `env:"ENGINE_USER" envDefault:"default" doc:"User of ClickHouse, who needs no more than to read files"`
	Password    Password `env:"ENGINE_PASSWORD" doc:"Password of the user (ENGINE_PASSWORD_FILE reads it from a file)"`
	Files       string   `env:"ENGINE_FILES" doc:"Where ClickHouse sees the segments: file:FOLDER, a folder under its user_files_path that is WAREHOUSE_DIR; s3:COLLECTION or s3Cluster:CLUSTER/COLLECTION, a named collection with the address of the bucket and its prefix, and credentials that may read it"`
	FromEvents  int64    `env:"ENGINE_FROM_EVENTS" envDefault:"50000000" doc:"ClickHouse is asked where the segments of a scan have at least so many events"`
	MaxQueries  int      `env:"ENGINE_MAX_QUERIES" envDefault:"4" doc:"Maximum queries that a stats replica has ClickHouse run at a time, fairly among projects; others wait"`
	MemoryBytes int64    `env:"ENGINE_MEMORY_BYTES" envDefault:"10737418240" doc:"Maximum memory of a query in ClickHouse"`
}

// Password is a secret that is not printed.
type Password string

// String hides the secret.
func (Password) String() string { return "(secret)" }

// GoString hides the secret.
func (Password) GoString() string { return "(secret)" }

// Used says whether there is a ClickHouse.
func (c *Config) Used() bool { return c.URL != "" }

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	if !c.Used() {
		return nil
	}
	var errs []error
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "clickhouse" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, errors.New("ENGINE_URL must be clickhouse:// or https:// with a host and, if need be, a port")) // not the text: it may have a password
	case u.User != nil:
		errs = append(errs, errors.New("ENGINE_URL must not have a user or password: they are ENGINE_USER and ENGINE_PASSWORD"))
	}
	if c.User == "" {
		errs = append(errs, errors.New("ENGINE_USER must not be empty"))
	}
	if _, err := parseFiles(c.Files); err != nil {
		errs = append(errs, err)
	}
	if c.FromEvents < 1 {
		errs = append(errs, errors.New("ENGINE_FROM_EVENTS must be at least 1"))
	}
	if c.MaxQueries < 1 || c.MaxQueries > 1000 {
		errs = append(errs, errors.New("ENGINE_MAX_QUERIES must be 1 to 1000"))
	}
	if c.MemoryBytes < minMemory {
		errs = append(errs, fmt.Errorf("ENGINE_MEMORY_BYTES must be at least %d", minMemory))
	}
	return errors.Join(errs...)
}

// minMemory is enough to read one segment.
const minMemory = 256 << 20

// address is the host and port of a valid URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"clickhouse": "8123", "https": "8443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
