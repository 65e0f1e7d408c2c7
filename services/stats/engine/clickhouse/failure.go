package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"eventanalytics/services/stats/engine"
)

var (
	errResting     = errors.New("ClickHouse did not answer a moment ago")
	errInexact     = errors.New("some events have what ClickHouse does not read exactly")
	errUnavailable = errors.New("ClickHouse cannot be asked")
	errRefused     = errors.New("ClickHouse does not run the statement")
)

// Codes of ClickHouse's exceptions.
const (
	codeTimeout     = 159
	codeSlow        = 160 // TOO_SLOW: it would not end in time
	codeTooBig      = 168 // TOO_BIG_AST
	codeMemory      = 241
	codeThrown      = 395
	codeTooMuch     = 396 // of the result
	codeMemoryOfAll = 173 // CANNOT_ALLOCATE_MEMORY
)

// ofStatement are the codes of errors that a statement and its events have, whatever the
// server: those of ClickHouse's own bugs among them. Others may be answered.
var ofStatement = []int32{
	10,  // NOT_FOUND_COLUMN_IN_BLOCK
	43,  // ILLEGAL_TYPE_OF_ARGUMENT
	44,  // ILLEGAL_COLUMN
	47,  // UNKNOWN_IDENTIFIER
	49,  // LOGICAL_ERROR
	53,  // TYPE_MISMATCH
	70,  // CANNOT_CONVERT_TYPE
	158, // TOO_MANY_ROWS, of a limit in the profile
	191, // SET_SIZE_LIMIT_EXCEEDED
	307, // TOO_MANY_BYTES
	386, // NO_COMMON_TYPE
}

// judge says what an error means for the question: a scan that takes too much, or too long,
// takes so elsewhere, and is refused as DuckDB refuses. Whatever else is wrong with the
// server, or between it and here, is no reason not to answer: another engine does.
func (s *Server) judge(ctx, limited context.Context, err error) error {
	var of scanError
	var thrown *clickhouse.Exception
	switch {
	case err == nil:
		s.rest(time.Time{})
		return nil
	case errors.As(err, &of):
		s.rest(time.Time{})
		return of.error
	case ctx.Err() != nil:
		s.rest(time.Time{}) // it says nothing about the server
		return ctx.Err()
	case errors.Is(context.Cause(limited), ErrTimeout):
		s.failed(errors.New("it did not end a query in time")) // the server had been told when
		return ErrTimeout
	case errors.As(err, &thrown):
		return s.judgeException(thrown)
	}
	s.failed(err)
	return fmt.Errorf("%w: %w: %w", engine.ErrUnsupported, errUnavailable, err)
}

func (s *Server) judgeException(e *clickhouse.Exception) error {
	answered := func(err error) error {
		s.rest(time.Time{})
		return err
	}
	switch e.Code {
	case codeThrown:
		if strings.Contains(e.Message, inexact) {
			return answered(fmt.Errorf("%w: %w", engine.ErrUnsupported, errInexact))
		}
	case codeTimeout, codeSlow:
		return answered(ErrTimeout)
	case codeMemory, codeMemoryOfAll:
		return answered(ErrMemory)
	case codeTooMuch:
		return answered(engine.ErrTooLarge)
	case codeTooBig:
		return answered(fmt.Errorf("%w: the statement is too large", engine.ErrUnsupported))
	}
	if slices.Contains(ofStatement, e.Code) {
		s.log.Warn("ClickHouse does not run a statement; DuckDB answers", zap.String("error", nameOf(e)))
		return answered(fmt.Errorf("%w: %w: %w", engine.ErrUnsupported, errRefused, e))
	}
	s.failed(e)
	return fmt.Errorf("%w: %w: %w", engine.ErrUnsupported, errUnavailable, e)
}

// mayAsk says whether the server may be asked. After a failure one question at a time tries
// it, each breakFor after the one before: all others need not wait for what it takes.
func (s *Server) mayAsk() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.IsZero() {
		return true
	}
	if now := s.now(); !now.Before(s.until) {
		s.until = now.Add(breakFor)
		return true
	}
	return false
}

// rest has the server not be asked before an instant; the zero one is at once.
func (s *Server) rest(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
	s.metrics.resting.Set(map[bool]float64{false: 1}[until.IsZero()])
}

// failed notes that the server cannot be asked. Errors may have the address with all values
// of a question, and ClickHouse's messages a part of them: neither is logged.
func (s *Server) failed(err error) {
	s.rest(s.now().Add(breakFor))
	var of *url.Error
	var thrown *clickhouse.Exception
	switch {
	case errors.As(err, &of):
		err = of.Err
	case errors.As(err, &thrown) && !strings.Contains(thrown.Message, missing):
		err = errors.New(nameOf(thrown))
	case errors.As(err, &thrown):
		err = errors.New("it finds fewer events in the files than there are: see ENGINE_FILES")
	}
	s.log.Warn("ClickHouse cannot be asked; DuckDB answers", zap.Error(err), zap.Duration("for", breakFor))
}

// nameOf tells an exception without its message.
func nameOf(e *clickhouse.Exception) string { return fmt.Sprintf("code %d %s", e.Code, e.CodeName) }
