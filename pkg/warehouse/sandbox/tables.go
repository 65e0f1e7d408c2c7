package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"
)

// open makes a DuckDB in memory that opens no file but those given, and writes none. Its
// settings can be changed until load. closeFiles has the kernel see to it as well.
func open(ctx context.Context, l limits, files []string, closeFiles func([]string) error) (*sql.DB, error) {
	options := url.Values{
		"threads": {"1"},
		// Not all that it takes counts for it: the kernel's limit is for the rest.
		"memory_limit":                 {strconv.FormatInt(l.Memory*3/4, 10) + "B"},
		"temp_directory":               {""},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
	}
	connector, err := driver.NewConnector("?"+options.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("opening DuckDB: %w", err)
	}
	// While it opens, DuckDB looks at the machine. Nothing of the statement was seen yet, and no
	// other thread of DuckDB is there.
	if err := closeFiles(files); err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	for _, setting := range []string{
		"SET GLOBAL threads = " + strconv.Itoa(l.Threads),
		"SET GLOBAL errors_as_json = true", // for the place of a mistake
		"SET allow_persistent_secrets = false",
		"SET allow_community_extensions = false",
		"SET enable_external_file_cache = false",
		"SET allowed_paths = [" + strings.Join(quoteAll(files), ", ") + "]",
		"SET enable_external_access = false",
	} {
		if _, err := db.ExecContext(ctx, setting); err != nil {
			return nil, errors.Join(fmt.Errorf("configuring DuckDB: %s: %w", setting, err), db.Close())
		}
	}
	return db, nil
}

// quote writes s as a SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteAll(all []string) []string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = quote(s)
	}
	return quoted
}

// load makes the tables that statements see, of what follows the job, and locks the settings.
func (q *query) load(lines *json.Decoder) error {
	for _, statement := range []string{
		"CREATE SCHEMA own", // no statement can name it
		"CREATE TABLE own.moved (user_key BIGINT, person_id VARCHAR)",
		"CREATE TABLE own.members (cohort VARCHAR, person_id VARCHAR)",
		"CREATE MACRO cohort(name) AS TABLE SELECT person_id FROM own.members WHERE cohort = name",
	} {
		if err := q.exec(statement); err != nil {
			return err
		}
	}
	if err := q.fill(lines); err != nil {
		return err
	}
	if err := q.exec(q.events()); err != nil {
		return err
	}
	if _, err := q.conn.ExecContext(q.ctx, "SET GLOBAL TimeZone = "+quote(q.job.Zone)); err != nil {
		return &StatementError{Zone, "DuckDB, which has a tz database of its own, does not know it", -1}
	}
	return q.exec("SET lock_configuration = true") // last: it forbids the others
}

func (q *query) exec(statement string) error {
	if _, err := q.conn.ExecContext(q.ctx, statement); err != nil {
		return unmade(err)
	}
	return nil
}

// unmade is about tables that could not be made, which is no mistake of the statement.
func unmade(err error) error {
	err = failure(err, 0)
	var f *StatementError
	if errors.As(err, &f) && f.Reason != Memory {
		f.Reason, f.At = Engine, -1
	}
	return fmt.Errorf("making tables: %w", err)
}

// fill reads the tables.
func (q *query) fill(lines *json.Decoder) error {
	var moved, members *driver.Appender
	err := q.conn.Raw(func(conn any) (err error) {
		if moved, err = driver.NewAppenderFromConn(conn.(*driver.Conn), "own", "moved"); err != nil {
			return err //nolint:wrapcheck // it is below
		}
		members, err = driver.NewAppenderFromConn(conn.(*driver.Conn), "own", "members")
		return err //nolint:wrapcheck // it is below
	})
	if err != nil {
		return unmade(err)
	}
	for {
		var d datum
		err := lines.Decode(&d)
		switch {
		case err != nil:
			return fmt.Errorf("reading tables: %w", err)
		case d.End:
			if err := errors.Join(moved.Close(), members.Close()); err != nil {
				return unmade(err)
			}
			return nil
		case d.Person != nil:
			err = moved.AppendRow(int64(d.Key), *d.Person)
		default:
			err = members.AppendRow(d.Cohort, d.Member)
		}
		if err != nil {
			return unmade(err)
		}
	}
}

// events is the statement that makes the view of the project's events.
func (q *query) events() string {
	const columns = "event_id, occurred_at, event_type, user_id, %s AS person_id, properties::JSON AS properties"
	j := q.job
	if len(j.Files) == 0 {
		return "CREATE VIEW events AS SELECT " + fmt.Sprintf(columns, "user_id") + ` FROM (SELECT NULL::UUID AS event_id, NULL::TIMESTAMPTZ AS occurred_at,
			NULL::VARCHAR AS event_type, NULL::VARCHAR AS user_id, NULL::VARCHAR AS properties) WHERE false`
	}
	person, join := "user_id", ""
	if j.Moved {
		person, join = "coalesce(m.person_id, user_id)", " LEFT JOIN own.moved AS m ON m.user_key = e.user_key"
	}
	where := " WHERE project_id = " + strconv.FormatInt(j.Project, 10)
	if j.From != nil {
		where += fmt.Sprintf(" AND occurred_at >= make_timestamptz(%d::BIGINT)", *j.From)
	}
	if j.To != nil {
		where += fmt.Sprintf(" AND occurred_at < make_timestamptz(%d::BIGINT)", *j.To)
	}
	return "CREATE VIEW events AS SELECT " + fmt.Sprintf(columns, person) +
		" FROM read_parquet([" + strings.Join(quoteAll(j.Files), ", ") + "], hive_partitioning = false) AS e" + join + where
}
