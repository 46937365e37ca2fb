package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
)

// TestImportAppliesWhatWasShown holds that an import is bound to the version that was
// looked at, and is shown before anybody is asked.
func TestImportAppliesWhatWasShown(t *testing.T) {
	t.Parallel()
	var sent []string
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.RawQuery+" "+r.Header.Get("If-Match"))
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("apply") == "true" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, `{"type": "x", "title": "It was changed meanwhile", "status": 412, "code": "precondition_failed"}`)
			return
		}
		fmt.Fprint(w, `{"version": 7, "applied": false, "blocked": false, "report": [], "changes": [{"verb": "create", "kind": "route", "name": "order"}]}`)
	}))
	defer portal.Close()
	file := filepath.Join(t.TempDir(), "site.conf")
	if err := os.WriteFile(file, []byte("server {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flag string
		code fault.Code
		sent int
	}{{"--wait", fault.Refused, 1}, {"--yes", fault.Refused, 2}} {
		sent = nil
		var out, errs bytes.Buffer
		a := New(Config{In: strings.NewReader(""), Out: &out, Err: &errs, Environ: []string{"TOLLGATE_API_URL=" + portal.URL, "TOLLGATE_API_TOKEN=tgm_x", "TOLLGATE_GATEWAY=shop", "HOME=" + t.TempDir()}})
		code := a.Execute(context.Background(), []string{"import", "nginx", file, "--apply", c.flag})
		if code != int(c.code) || len(sent) != c.sent {
			t.Fatalf("%s: ended with %d after %q: %s", c.flag, code, sent, errs.String())
		}
		if !strings.Contains(out.String(), "create route order") {
			t.Errorf("%s: was not shown: %s", c.flag, out.String())
		}
		if c.sent == 2 && sent[1] != `apply=true "7"` {
			t.Errorf("sent %q", sent[1])
		}
	}
}

func TestImportOptions(t *testing.T) {
	t.Parallel()
	policy := `{"type": "jwt", "config": {"issuer": "https://a.example/?x=1", "audiences": ["a=b", "c\"d"]}}`
	f := &importFlags{schemes: []string{"oauth=" + policy}, aws: map[string]string{"region": "eu-central-1"}, variables: []string{"host=api.example.com", "query=a=b,c"}}
	in, err := f.input("x")
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(*in.Options, &got); err != nil {
		t.Fatal(err)
	}
	text := `{"schemes": {"oauth": ` + policy + `}, "aws": {"region": "eu-central-1", "stage_variables": {"host": "api.example.com", "query": "a=b,c"}}}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if compact(got) != compact(want) {
		t.Errorf("options %s", *in.Options)
	}
	for _, wrong := range []importFlags{{schemes: []string{"oauth"}}, {schemes: []string{"oauth=x"}}, {variables: []string{"=x"}}} {
		if _, err := wrong.input("x"); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
