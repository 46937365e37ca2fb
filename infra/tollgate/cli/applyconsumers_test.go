package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/desired"
	"github.com/tollgate/tollgate/portal/client"
)

// TestConsumersAreWhatWasShown holds that a consumer is changed only as long as it is
// the one that was compared, and that a new one replaces none.
func TestConsumersAreWhatWasShown(t *testing.T) {
	t.Parallel()
	var sent []string
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method != http.MethodGet:
			sent = append(sent, r.Method+" "+r.URL.Path+" "+r.Header.Get("If-Match")+" "+string(body))
			fmt.Fprint(w, `{}`)
		case r.URL.Path == "/v1/gateways/shop/consumers/alice":
			w.Header().Set("ETag", `"3"`)
			fmt.Fprint(w, `{"name": "alice", "usage_plan": "gold", "metadata": {}}`)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"type": "x", "title": "There is none", "status": 404, "code": "not_found"}`)
		}
	}))
	defer portal.Close()
	api, err := client.New(client.Options{URL: portal.URL, Token: "tgm_x"})
	if err != nil {
		t.Fatal(err)
	}
	c := &change{want: &desired.Gateway{Name: "shop"}}
	for name, document := range map[string]string{"alice": `{"name":"alice"}`, "bob": `{"name":"bob","usage_plan":"gold"}`} {
		one, _, err := compareConsumer(t.Context(), api, c, desired.Consumer{Name: name, Document: json.RawMessage(document)})
		if err != nil || one == nil {
			t.Fatalf("%s: %v, %v", name, one, err)
		}
		if err := putConsumer(t.Context(), api, "shop", one); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(sent)
	want := []string{`POST /v1/gateways/shop/consumers  {"name":"bob","usage_plan":"gold"}`, `PUT /v1/gateways/shop/consumers/alice "3" {}`}
	if !slices.Equal(sent, want) {
		t.Errorf("sent %q", sent)
	}
	same, _, err := compareConsumer(t.Context(), api, c, desired.Consumer{Name: "alice", Document: json.RawMessage(`{"usage_plan":"gold","name":"alice"}`)})
	if err != nil || same != nil {
		t.Errorf("the same is a change: %v, %v", same, err)
	}
}
