package stats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// sqlInput is a statement of SQL.
type sqlInput struct {
	authhttp.ProjectParam
	Body question.SQLParams
}

// Resolve refuses a query that huma lets pass.
func (*sqlInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

// sqlName is what the answers are called in metrics, traces and names of files.
const sqlName = "sql"

// registerSQL adds the route for SQL that people write. It is no question: nobody knows its
// columns before it is asked, and its answers are not kept.
func (s *Service) registerSQL(api huma.API) {
	op := huma.Operation{
		OperationID: "sql", Method: http.MethodPost, Path: "/api/sql", Summary: "Ask by SQL",
		Description: "For owners, and keys of scope sql. One SELECT in DuckDB's SQL, which reads the project's events and nothing else: " +
			"events(event_id UUID, occurred_at TIMESTAMPTZ, event_type, user_id, person_id VARCHAR, properties JSON), and cohort('name'), whose column is person_id. " +
			"At most one statement of a project runs at a time. docs/sql.md has the tables, types, functions and limits.",
		Tags:          []string{"Analytics"},
		DefaultStatus: http.StatusOK, MaxBodyBytes: inflight.RequestBytes,
		Errors: []int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable,
		},
		Responses: sqlResponses(api.OpenAPI().Components.Schemas),
	}
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeSQL), ratelimit.ClassStats), func(ctx context.Context, in *sqlInput) (*huma.StreamResponse, error) {
		r, err := s.respondSQL(ctx, &in.Body)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: r.write}, nil
	})
}

// respondSQL answers a statement. It counts against the bytes in flight as a question does.
func (s *Service) respondSQL(ctx context.Context, p *question.SQLParams) (*response, error) {
	began, project := time.Now(), auth.From(ctx).ProjectID
	done, err := s.inFlight.Request(project)
	if err != nil {
		s.countRefusal(err)
		return nil, asProblem(ctx, sqlAbout, err)
	}
	r := &response{status: http.StatusOK, patience: s.patience, slow: s.slow, release: done}
	rows, err := s.prepareSQL(ctx, project, p, r, began)
	s.logSQL(ctx, p.SQL, rows, time.Since(began), err)
	if err != nil {
		r.release()
		s.countRefusal(err)
		return nil, sqlProblem(ctx, p.SQL, err)
	}
	return r, nil
}

// sqlAbout says what makes an answer shorter.
var sqlAbout = question.Definition{Info: question.Info{Name: sqlName, Shorten: "sql", ShortenBy: "select less, or fewer columns"}}

func (s *Service) prepareSQL(ctx context.Context, project int64, p *question.SQLParams, r *response, began time.Time) (rows int, err error) {
	now, output := s.now(), p.Output()
	q, err := p.Statement(now)
	if err != nil {
		return 0, err
	}
	snapshot, err := s.snapshot(ctx, project, output)
	if err != nil {
		return 0, err
	}
	snapshot, linked, err := s.identities.counted(ctx, snapshot, project, output)
	if err != nil {
		return 0, err
	}
	stale := s.reader.Stale()
	hold := s.inFlight.Hold(project)
	a := &sqlAnswer{ctx: engine.WithMeter(ctx, hold)}
	if err := s.runSQL(a.ctx, project, q, now, snapshot, a); err != nil {
		hold.Done(0)
		return 0, err
	}
	a.rows.Seal()
	hold.Done(a.rows.Bytes())
	done := r.release
	r.release = func() { hold.Release(); done() }
	s.answers.WithLabelValues(sqlName, "computed").Inc()
	f := chooseFormat(output)
	if f.extension != "" {
		r.fileName = sqlName + f.extension
	}
	return a.rows.Len(), r.encode(f, answer{
		rows: a.rows,
		meta: SQLMeta{Meta: Meta{
			Timezone: output.Timezone, Position: s.tokens.Encode(project, snapshot.Position), CompleteUntil: snapshot.CompleteUntil.UTC(),
			Stale: stale, IdentityPosition: linked, Source: "raw", Rows: a.rows.Len(),
		}, Columns: a.columns},
		query: q, seconds: time.Since(began).Seconds(),
	})
}

// SQLMeta is Meta with the columns, which nobody knew before.
type SQLMeta struct {
	Meta
	Columns []SQLColumn `json:"columns" doc:"The columns of the rows, in their order"`
}

// SQLColumn is a column of an answer to SQL.
type SQLColumn struct {
	Name string `json:"name" doc:"Its name, of which there is one"`
	Type string `json:"type" doc:"Its type in DuckDB, such as BIGINT or VARCHAR"`
}

// runSQL runs a statement over the files of a snapshot.
func (s *Service) runSQL(ctx context.Context, project int64, q question.SQL, now time.Time, snapshot *replica.Snapshot, a *sqlAnswer) (err error) {
	ctx, span := s.tracer.Start(ctx, "metric "+sqlName, trace.WithAttributes(attribute.String(tracing.Metric, sqlName)))
	defer func() { tracing.End(span, err) }()
	began := time.Now()
	from, to := q.Bounds()
	segments := snapshot.Segments(project, from, to)
	moved := snapshot.Persons(project).Len() > 0
	if moved && slices.ContainsFunc(segments, func(s segment.Segment) bool { return s.RollUp == nil }) {
		return engine.ErrNoKeys // persons go by keys, which files of early workers lack
	}
	data := sqlData{s, snapshot, project, q, now}
	err = s.db.Read(ctx, project, segments, func(files []string) error {
		return s.sql.Run(ctx, sandbox.Statement{
			Project: project, SQL: q.SQL, Params: q.Params, Zone: q.Timezone.String(), From: from, To: to,
			Files: files, Moved: moved, Rows: q.Limit,
		}, data.tables, a)
	})
	if err != nil {
		return err
	}
	span.SetAttributes(attribute.Int(tracing.Rows, a.rows.Len()), attribute.String(tracing.Source, "raw"))
	s.seconds.WithLabelValues(sqlName, "raw").Observe(time.Since(began).Seconds())
	return nil
}

// logSQL says that somebody asked by SQL. The statement itself may have data of users: the log
// has its hash, by which people who have the statement find it.
func (s *Service) logSQL(ctx context.Context, text string, rows int, took time.Duration, err error) {
	who, hash := auth.From(ctx), sha256.Sum256([]byte(text))
	outcome := sqlOutcome(err)
	s.statements.WithLabelValues(outcome).Inc()
	fields := []zap.Field{
		zap.Int64("project", who.ProjectID), zap.Int64("user", who.UserID), zap.Int64("key", who.KeyID), zap.String("sha256", hex.EncodeToString(hash[:])),
		zap.String("outcome", outcome), zap.Int("rows", rows), zap.Duration("took", took),
	}
	var failed *sandbox.StatementError
	if errors.As(err, &failed) && failed.Reason == sandbox.Engine {
		fields = append(fields, zap.String("reason", failed.Message))
	}
	s.log.Info("a statement of SQL", fields...)
}

// sqlAnswer collects the rows of an answer.
type sqlAnswer struct {
	ctx     context.Context //nolint:containedctx // of the one call that adds rows
	columns []SQLColumn
	rows    *question.Table
	row     []question.Value
}

// Columns takes the columns.
func (a *sqlAnswer) Columns(columns []sandbox.Column) error {
	var all []question.Column
	for _, c := range columns {
		a.columns = append(a.columns, SQLColumn{c.Name, c.Type})
		all = append(all, question.Column{Name: c.Name, Kind: sqlKinds[c.Kind], Nullable: c.Kind != sandbox.JSON})
	}
	a.rows = question.NewTable(a.ctx, all, 0)
	a.row = make([]question.Value, len(all))
	return nil
}

var sqlKinds = map[sandbox.Kind]question.Kind{
	sandbox.Text: question.Text, sandbox.Integer: question.Integer, sandbox.Number: question.Number, sandbox.Bool: question.Bool, sandbox.JSON: question.JSON,
}

// Row takes a row.
func (a *sqlAnswer) Row(row []sandbox.Value) error {
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			a.row[i] = question.NullOf(a.rows.Columns[i].Kind)
		case int64:
			a.row[i] = question.IntegerOf(v)
		case float64:
			a.row[i] = question.NumberOf(v)
		case bool:
			a.row[i] = question.BoolOf(v)
		case string:
			if a.row[i] = question.TextOf(v); a.rows.Columns[i].Kind == question.JSON {
				a.row[i] = question.JSONOf(v)
			}
		default:
			return fmt.Errorf("a value of type %T", v)
		}
	}
	return a.rows.Add(a.row...)
}

// sqlProblem says what the client may know of an error.
func sqlProblem(ctx context.Context, text string, err error) error {
	var failed *sandbox.StatementError
	switch {
	case ctx.Err() != nil:
		return problem.ClientGone()
	case errors.As(err, &failed):
		return sqlFailure(text, failed)
	case errors.Is(err, sandbox.ErrBusy):
		return problem.Unavailable("busy", "a statement of the project is running, or those of others take their time", time.Second, err)
	case errors.Is(err, sandbox.ErrTimeout):
		return problem.Unavailable("query-timeout", "the statement takes too long: read fewer days (from, to), or join and sort less", 10*time.Second, err)
	}
	return asProblem(ctx, sqlAbout, err)
}

func sqlFailure(text string, f *sandbox.StatementError) error {
	switch f.Reason {
	case sandbox.Params:
		return problem.Invalid("invalid-parameter", "params", f.Message)
	case sandbox.Zone:
		return problem.Invalid("invalid-parameter", "timezone", f.Message)
	case sandbox.Rows:
		return problem.Invalid("answer-too-long", "limit", f.Message+": aggregate, add a LIMIT, or raise limit, up to 100000")
	case sandbox.Cell:
		return problem.Invalid("answer-too-long", "sql", f.Message)
	case sandbox.Memory, sandbox.Engine:
		return problem.Unavailable("query-too-large", "the statement needs too much memory: read fewer days (from, to), or join, sort and collect less", 10*time.Second, f)
	}
	message := f.Message
	if f.At >= 0 && f.At <= len(text) {
		line, column := place(text[:f.At])
		message += fmt.Sprintf(" (line %d, column %d)", line, column)
	}
	return problem.Invalid(string(f.Reason), "sql", message)
}

// place returns the line and the column, both from 1, behind a text.
func place(text string) (line, column int) {
	line, column = 1, 1
	for _, r := range text {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// sqlOutcomes are what can become of a statement.
var sqlOutcomes = []string{"answered", "refused", "invalid", "memory", "time", "length", "busy", "left", "failed"}

func sqlOutcome(err error) string {
	var failed *sandbox.StatementError
	var known *problem.Error
	var parameter *question.ParamError
	switch reason := refusalOf(err); {
	case err == nil:
		return "answered"
	case errors.As(err, &failed):
		switch failed.Reason {
		case sandbox.Refused:
			return "refused"
		case sandbox.Memory:
			return "memory"
		case sandbox.Rows, sandbox.Cell:
			return "length"
		case sandbox.Engine:
			return "failed"
		}
		return "invalid"
	case reason == "room", reason == "turn":
		return "busy"
	case reason != "":
		return reason
	case errors.Is(err, context.Canceled):
		return "left"
	case errors.As(err, &parameter), errors.As(err, &known) && known.Status < http.StatusInternalServerError:
		return "invalid"
	}
	return "failed"
}
