package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ClickHouse is a real engine behind HTTP (tests/clickhouse), whose library CHDB_LIB_PATH
// names.
type ClickHouse struct {
	*Process
	Address string // host and port
}

// StartClickHouse runs one. It reads files below folder, and has its log there. lib is the
// path of the library.
func StartClickHouse(ctx context.Context, folder, lib string) (*ClickHouse, error) {
	program, err := Variant{}.Binary("clickhouse")
	if err != nil {
		return nil, err
	}
	if !exists(program) {
		return nil, errors.New("there is no bin/clickhouse: make engine-test builds it")
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	c := &ClickHouse{Address: address(port)}
	if c.Process, err = Start(ctx, folder, "clickhouse", []string{"CHDB_LIB_PATH=" + lib}, program, "-listen", c.Address); err != nil {
		return nil, err
	}
	err = Poll(ctx, opening, func() error {
		_, err := c.Ask(ctx, "SELECT 1")
		return err
	})
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Ask returns the rows of a statement, as lists in JSON, one a line.
func (c *ClickHouse) Ask(ctx context.Context, statement string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Address+"/?default_format=JSONCompactEachRow", strings.NewReader(statement))
	if err != nil {
		return "", fmt.Errorf("asking ClickHouse: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("asking ClickHouse: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("reading what ClickHouse answers: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ClickHouse refuses %s: %s", statement, body)
	}
	return string(body), nil
}

// Engine are the settings of a stats service that asks it about every scan, whose files are
// as ENGINE_FILES says.
func (c *ClickHouse) Engine(files string) []string {
	return []string{"ENGINE_URL=clickhouse://" + c.Address, "ENGINE_FILES=" + files, "ENGINE_FROM_EVENTS=1"}
}

// Collect makes a named collection of the segments in a bucket.
func (c *ClickHouse) Collect(ctx context.Context, name string, s *ObjectStore) error {
	_, err := c.Ask(ctx, fmt.Sprintf("CREATE NAMED COLLECTION %s AS url = '%s/%s/' NOT OVERRIDABLE, access_key_id = '%s' NOT OVERRIDABLE, secret_access_key = '%s' NOT OVERRIDABLE",
		name, s.URL, objectsBucket, objectsKey, objectsSecret))
	return err
}

// Iceberg is the table function that reads the table in a folder of a bucket.
func (s *ObjectStore) Iceberg(folder string) string {
	return fmt.Sprintf("icebergS3('%s/%s/%s', '%s', '%s')", s.URL, objectsBucket, folder, objectsKey, objectsSecret)
}
