package show_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

func TestValue(t *testing.T) {
	t.Parallel()
	v := json.RawMessage(`{"name":"a","when":"30s","yes":"true","n":1.50,"list":["x",{"y":null}],"none":[],"odd":"a: b\n"}`)
	for format, want := range map[string]string{
		show.JSON:  "{\n  \"name\": \"a\",\n  \"when\": \"30s\",\n  \"yes\": \"true\",\n  \"n\": 1.50,\n  \"list\": [\n    \"x\",\n    {\n      \"y\": null\n    }\n  ],\n  \"none\": [],\n  \"odd\": \"a: b\\n\"\n}\n",
		show.YAML:  "name: a\nwhen: 30s\nyes: \"true\"\nn: 1.50\nlist:\n  - x\n  - y: null\nnone: []\nodd: |\n  a: b\n",
		show.Table: "for people\n",
	} {
		var out bytes.Buffer
		p := show.Printer{Out: &out, Format: format}
		if err := p.Value(v, func(w io.Writer) error { _, err := io.WriteString(w, "for people\n"); return err }); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, out.String(), want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ü 日本": "plain ü 日本",
		"a\x1b[2Jb":  "a·[2Jb",
		"a\nb\tc":    "a·b·c",
		"a\u202eb":   "a·b",
		"a\u2028b":   "a·b",
	} {
		if got := show.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	detail := "2 fields are wrong"
	api := &client.Error{Problem: client.Problem{Title: "The input is not valid", Status: 422, Code: "invalid", Detail: &detail, RequestID: "r1"}}
	api.Errors = &[]struct {
		Detail  string `json:"detail"`
		Pointer string `json:"pointer"`
	}{{Detail: "must begin with /", Pointer: "/match/path"}, {Detail: "is \x1b[31mred", Pointer: ""}}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"api":   {api, "x: 2 fields are wrong\n  /match/path  must begin with /\n  /  is ·[31mred\n  invalid (422), request r1\n"},
		"about": {fmt.Errorf("consumer bob: %w", &client.Error{Problem: client.Problem{Title: "There is none", Status: 409, Code: "in_use"}}), "x: consumer bob: There is none\n  in_use (409)\n"},
		"own":   {fault.New(fault.SignIn, "do that", "no token"), "x: no token\nnext: do that\n"},
		"line":  {fault.New(fault.Failed, "", "one\ntwo\x07"), "x: one\ntwo·\n"},
	} {
		var out bytes.Buffer
		p := show.Printer{Err: &out, Format: show.Table}
		p.Failure("x", c.err)
		if out.String() != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, out.String(), c.want)
		}
		out.Reset()
		p.Colour = true
		p.Failure("x", c.err)
		if !strings.HasPrefix(out.String(), "\x1b[31mx\x1b[0m") {
			t.Errorf("%s is not coloured: %q", name, out.String())
		}
	}
}
