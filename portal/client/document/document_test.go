package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/client/document"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"yaml":           {"b: 1\na: [x, 'true', yes, 0x10, 1.50, null, ~]\n", `{"b":1,"a":["x","true","yes",16,1.5,null,null]}`},
		"dates are text": {"at: 2026-01-02\nto: 2026-01-02T03:04:05Z\n", `{"at":"2026-01-02","to":"2026-01-02T03:04:05Z"}`},
		"several":        {"a: 1\n---\n---\nb: 2\n", `{"a":1} {"b":2}`},
		"json":           {"{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"n\": 12345678901234567890.10}", `{"a":"😀","n":12345678901234567890.10}`},
		"aliases":        {"a: &x {y: 1}\nb: *x\n", `{"a":{"y":1},"b":{"y":1}}`},
		"nothing":        {"# only words\n", ``},
		"marked yaml":    {"\ufeffa: 1\n", `{"a":1}`},
		"marked json":    {"\ufeff{\n\t\"a\": 1}", `{"a":1}`},
	} {
		docs, err := document.Parse("f", []byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			got = append(got, string(document.ToJSON(d.Root)))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	for name, c := range map[string]struct{ in, want string }{
		"twice":       {"a: 1\nb: 2\na: 3\n", "f:3: \"a\" stands here twice"},
		"twice json":  {"{\"a\":1,\n\"a\":2}", "stands twice"},
		"merge":       {"x: &x {a: 1}\ny:\n  <<: *x\n", "merge keys"},
		"bomb":        {bomb, "counting aliases"},
		"deep":        {strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested deeper"},
		"not closed":  {"a: [1\n", "f: line"},
		"tag":         {"a: !!binary aGk=\n", "means nothing"},
		"key":         {"[a]: 1\n", "plain word"},
		"no number":   {"a: .inf\n", "no number"},
		"loop":        {"a: &a [*a]\n", "nested deeper"},
		"an own type": {"a: !x 1\n", "means nothing"},
	} {
		_, err := document.Parse("f", []byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		if wrong := (*document.Error)(nil); !errors.As(err, &wrong) {
			t.Errorf("%s: %T", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a: 1", "{\"a\":[1,2.5,null]}", "a: &x [1]\nb: *x", "---\n...\n", "- 0o17\n- 1e3\n- !!str 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		docs, err := document.Parse("f", []byte(s))
		if err != nil {
			return
		}
		for _, d := range docs {
			raw := document.ToJSON(d.Root)
			again, err := document.FromJSON(raw)
			if err != nil {
				t.Fatalf("%q became %s, which is no JSON: %v", s, raw, err)
			}
			if string(document.ToJSON(again)) != string(raw) {
				t.Errorf("%q became %s, then %s", s, raw, document.ToJSON(again))
			}
		}
	})
}
