package conformance

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestGraphQL: a REST request runs the operation that its route holds, with the
// variables as it declares them, and a client of GraphQL names a query by its hash.
func TestGraphQL(t *testing.T) {
	const operation = "query User($id: Int!, $lang: String) { user(id: $id, lang: $lang) { name } }"
	type asked struct {
		Query     string
		Variables map[string]any
	}
	got := make(chan asked, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a asked
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.URL.Path != "/graphql" || r.Method != "POST" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		got <- a
		w.Header().Set("Content-Type", "application/json")
		if a.Variables["id"] == float64(8) {
			_, _ = io.WriteString(w, `{"data":{"user":null},"errors":[{"message":"not yours","extensions":{"code":"FORBIDDEN"}}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"user":{"name":"Ada"}}}`)
	}))
	t.Cleanup(s.Close)
	c := harness.New(t, harness.Options{})
	api := c.SignUp("graphs")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "graphs"})
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/graphs/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.URL}}})
	put("routes/users", harness.Object{"match": harness.Object{"path": "/users/{id}"}, "upstream": "app", "public": true, "policies": []harness.Object{
		{"type": "graphql", "config": harness.Object{"operation": operation, "result": "/user"}},
	}})
	put("routes/graphql", harness.Object{"match": harness.Object{"path": "/graphql"}, "upstream": "app", "public": true, "policies": []harness.Object{
		{"type": "graphql", "config": harness.Object{"persisted": "registered", "operations": harness.Object{"user": operation}}},
	}})
	api.WaitLive("graphs")
	for _, q := range []struct {
		method, path, body string
		status             int
		want, variables    string
	}{
		{"GET", "/users/7?lang=de", "", 200, `{"name":"Ada"}`, `{"id":7,"lang":"de"}`},
		{"GET", "/users/8", "", 403, `{"errors":[{"message":"not yours","extensions":{"code":"FORBIDDEN"}}]}`, `{"id":8}`},
		{"GET", "/users/x?no=1", "", 400, `\"id\" is no Int; \"no\" is not known`, ""},
		{"POST", "/graphql", `{"id":"user","variables":{"id":9}}`, 200, `{"data":{"user":{"name":"Ada"}}}`, `{"id":9}`},
		{"POST", "/graphql", `{"query":"{ everything }"}`, 403, `forbidden`, ""},
	} {
		r, err := http.NewRequest(q.method, "http://"+c.Edges[0].Addr()+q.path, strings.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = g["hostname"].(string)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != q.status || !strings.Contains(string(body), q.want) {
			t.Errorf("%s: %d %s", q.path, resp.StatusCode, body)
		}
		if q.variables == "" {
			continue
		}
		a := <-got
		if v, _ := json.Marshal(a.Variables); string(v) != q.variables || a.Query != operation {
			t.Errorf("%s ran %s with %s", q.path, a.Query, v)
		}
	}
	if len(got) > 0 {
		t.Errorf("the backend got %v", <-got)
	}
}
