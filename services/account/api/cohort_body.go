package api

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/account/store"
)

// cohortSchema describes what readCohort reads. The schema of filters comes with the
// questions, in the document of all services.
func cohortSchema() *huma.Schema {
	longest, shortestID, longestID, mostUsers := 1000, 1, 200, cohort.MaxUsers
	form := func(title, name string, value *huma.Schema) *huma.Schema {
		return &huma.Schema{
			Title: title, Type: huma.TypeObject, Required: []string{name}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{name: value, "description": {Type: huma.TypeString, MaxLength: &longest, Description: "What it is for"}},
		}
	}
	return &huma.Schema{OneOf: []*huma.Schema{
		form("Cohort by a filter", "filter", &huma.Schema{
			Description: "A filter as in questions, whose conditions are on users: did, funnel, user.…, first.…, first_seen, last_seen, cohort:…",
			Extensions:  map[string]any{"$ref": "#/components/schemas/Filter"},
		}),
		form("Cohort by a list", "users", &huma.Schema{
			Type: huma.TypeArray, MaxItems: &mostUsers, Description: "User ids",
			Items: &huma.Schema{Type: huma.TypeString, MinLength: &shortestID, MaxLength: &longestID},
		}),
	}}
}

// readCohort reads what a cohort is to be from JSON.
func readCohort(body []byte) (c store.CohortChange, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if d.PeekKind() != '{' {
		if _, err := d.ReadValue(); err != nil {
			return c, malformed(err)
		}
		return c, problem.Invalid("invalid-field", "body", "must be a JSON object")
	}
	c.Description = new(string)
	hasUsers := false
	for _, err = d.ReadToken(); err == nil && d.PeekKind() != '}'; {
		var name jsontext.Token
		if name, err = d.ReadToken(); err != nil {
			break
		}
		switch name := name.String(); name {
		case "description":
			*c.Description, err = readText(d, name)
		case "filter":
			c.Filter, err = readFilter(d)
		case "users":
			hasUsers = true
			c.Users, err = readUsers(d)
		default:
			return c, problem.Invalid("unknown-field", name, "is not a field of this request; known are description, filter, users")
		}
	}
	if err == nil {
		_, err = d.ReadToken() // the end of the object
	}
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("there is more after the object")
		}
	}
	switch {
	case err != nil:
		return c, malformed(err)
	case c.Filter != nil && hasUsers:
		return c, problem.Invalid("invalid-field", "users", "cannot be with filter: a cohort is one or the other")
	case c.Filter == nil && !hasUsers:
		return c, problem.Invalid("missing-field", "filter", "is required, or users")
	}
	return c, nil
}

// malformed leaves problems as they are; other errors are of the syntax of JSON.
func malformed(err error) error {
	var known *problem.Error
	if errors.As(err, &known) {
		return err
	}
	return problem.New(http.StatusBadRequest, "malformed-json", err.Error())
}

func readText(d *jsontext.Decoder, field string) (string, error) {
	if kind := d.PeekKind(); kind != '"' && kind != 0 {
		return "", problem.Invalid("invalid-field", field, "must be a string")
	}
	t, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

func readFilter(d *jsontext.Decoder) (*syntax.Filter, error) {
	v, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	f, err := syntax.ParseFilterJSON(v)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return nil, problem.Invalid("invalid-field", "filter"+wrong.Path, wrong.Message)
	}
	return &f, err
}

func readUsers(d *jsontext.Decoder) ([]string, error) {
	if kind := d.PeekKind(); kind != '[' && kind != 0 {
		return nil, problem.Invalid("invalid-field", "users", "must be an array of user ids")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	users := []string{}
	for d.PeekKind() != ']' {
		user, err := readText(d, fmt.Sprintf("users[%d]", len(users)))
		if err != nil {
			return nil, err
		}
		users = append(users, user)
		if len(users) > cohort.MaxUsers {
			return nil, tooManyUsers("users")
		}
	}
	_, err := d.ReadToken()
	return users, err
}

func tooManyUsers(field string) error {
	return problem.Invalid("invalid-field", field, fmt.Sprintf("has more than %d users", cohort.MaxUsers))
}

// userColumn is the header of a list of users in CSV.
const userColumn = "user_id"

// readCSV reads user ids, one in each row. A first row that is user_id is a header.
func readCSV(body []byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	r.FieldsPerRecord, r.ReuseRecord = 1, true
	users := []string{}
	for row := 1; ; row++ {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return users, nil
		case errors.Is(err, csv.ErrFieldCount):
			return nil, problem.Invalid("invalid-field", fmt.Sprintf("row %d", row), "must have one column, the user id")
		case err != nil:
			return nil, problem.New(http.StatusBadRequest, "malformed-csv", err.Error())
		case row == 1 && record[0] == userColumn:
			continue
		case len(users) == cohort.MaxUsers:
			return nil, tooManyUsers("body")
		}
		users = append(users, strings.Clone(record[0]))
	}
}
