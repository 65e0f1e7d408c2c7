package question_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/question"
)

// FuzzParams asks questions with any text: in a body, or in a query, as cursors are.
// What is accepted, written as answers repeat it and posted again is the same question.
func FuzzParams(f *testing.F) {
	for name, texts := range map[string][]string{
		"funnels":                   {`{"steps":["a",{"event":["b","c"],"filter":{"not":"properties.a>=1"},"name":"B","first":true}],"window":"36h","order":"strict","exclude":[{"event":"x","after":1,"before":2}],"breakdown":["properties.a"],"attribution":2,"interval":"week"}`, `{"steps":["a","b"],"view":"times","bins":[0,1.50,2e1]}`, `steps=a&steps={"event":"b"}&window=7d&order=any`},
		"paths":                     {`{"node":"properties.page","steps":20,"start":{"event":"a","first":true},"end":"b","within":"1d","gap":"1min","top":100,"repeats":true}`, `start=a&end={"filter":"properties.a:exists"}&within=session`},
		"sessions":                  {`{"gap":"24h","breakdown":["entry.properties.page",{"field":"exit.time.hour","bins":[6,12]}],"filter":["exit.event_type=buy"],"fill":"zero","total":true}`, `breakdown=entry.event_type&gap=90s&interval=all`},
		"profiles":                  {`{"from":"-7d","sort":"events","fields":["user.plan","first.a\\.b"],"limit":1000,"q":"Ü"}`, `sort=user_id&after=dXNlcl9pZCAwIHU&fields=user.a,user.b`},
		"profiles/{user_id}/events": {"after=25a4b866-040b-466f-945c-148e4720f511&limit=5"},
		"trends":                    {`{"series":[{"event":"*","measure":"p99(properties.m)","rolling":30},"b"],"formula":[{"formula":"A/B","name":"R"}],"compare":"4w","breakdown":"user.plan","unit":"properties.c"}`},
		"retention":                 {`{"start_date":"2025-07-01","end_date":"today","granularity":"week","mode":"bracket","brackets":[1,3],"returning_filter":{"did":{"event":"a"},"times":"!=2","last":"90s"},"zero":"returned"}`},
		"stickiness":                {`{"series":"a","least":2,"interval":"month","filter":"cohort:paying"}`},
	} {
		for _, text := range texts {
			f.Add(name, text)
		}
	}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("questions", "1"))
	question.DescribeTypes(api.OpenAPI().Components.Schemas)
	var asked question.Question
	answer := func(_ context.Context, p question.Params) (_ *huma.StreamResponse, err error) {
		if asked, err = p.Question(time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		return &huma.StreamResponse{Body: func(huma.Context) {}}, nil
	}
	paths := map[string]string{}
	for _, d := range question.All() {
		name := strings.TrimPrefix(d.Path, "/api/stats/")
		paths[name] = d.Path
		d.Get(api, huma.Operation{OperationID: d.Name, Method: http.MethodGet, Path: d.Path}, answer)
		if !strings.Contains(d.Path, "{") {
			d.Post(api, huma.Operation{OperationID: "post-" + d.Name, Method: http.MethodPost, Path: d.Path}, answer)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		path, ok := paths[name]
		if !ok {
			return
		}
		posted := !strings.Contains(path, "{")
		ask := func(text string) int {
			asked = nil
			if posted && strings.HasPrefix(text, "{") {
				return served(mux, http.MethodPost, path, text)
			}
			values, err := url.ParseQuery(text)
			if err != nil {
				return http.StatusBadRequest
			}
			whose := strings.NewReplacer("{user_id}", "u", "{event_id}", "25a4b866-040b-466f-945c-148e4720f511")
			return served(mux, http.MethodGet, whose.Replace(path)+"?"+values.Encode(), "")
		}
		code := ask(text)
		require.Less(t, code, 500)
		if code >= 300 || !posted {
			return
		}
		first := asked
		written, err := json.Marshal(first)
		require.NoError(t, err)
		require.Less(t, ask(string(written)), 300, "%s", written)
		require.Equal(t, question.Key(first), question.Key(asked), "%s", written)
	})
}

// served is the status of the answer to a request.
func served(handler http.Handler, method, target, body string) int {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}
