package jsonschema_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
)

func compile(t testing.TB, src string) (*jsonschema.Schema, error) {
	t.Helper()
	doc, err := document.ParseJSON([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return jsonschema.Compile(doc, jsonschema.Options{Formats: true})
}

// TestReasons pins the words: each says what to do and quotes nothing that stood
// in the document.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, doc, want string }{
		{`{"type":"integer"}`, `"secret"`, `: is of type string, must be integer`},
		{`{"enum":[1,"a"]}`, `"secret"`, `: must be one of 1, "a"`},
		{`{"const":{"a":1}}`, `"secret"`, `: must be {"a":1}`},
		{`{"format":"email"}`, `"secret"`, `: is no valid email`},
		{`{"pattern":"^a$"}`, `"secret"`, `: does not fit the pattern ^a$`},
		{`false`, `"secret"`, `: is not allowed here`},
		{`{"not":{}}`, `"secret"`, `: has a form that is not allowed`},
		{`{"minLength":9}`, `"secret"`, `: has 6 characters, at least 9 are needed`},
		{`{"maxLength":1}`, `"secret"`, `: has 6 characters, at most 1 are allowed`},
		{`{"minimum":1.5}`, `1`, `: must be at least 3/2`},
		{`{"maximum":0}`, `1`, `: must be at most 0`},
		{`{"required":["a/b"]}`, `{}`, `/a~1b: is missing`},
		{`{"additionalProperties":false}`, `{"secret":1}`, `/secret: is not known here`},
		{`{"anyOf":[{"type":"null"},{"required":["a","b"]}]}`, `{}`, `: fits none of the allowed forms: nearest is one where the document is of type object, must be null`},
		{`{"oneOf":[true,true]}`, `{}`, `: fits more than one of the forms of which it must fit one`},
		{`{"allOf":[{"minimum":3},{"multipleOf":2}]}`, `1`, `must be at least 3`},
	} {
		s, err := compile(t, c.schema)
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		v, err := document.ParseJSON([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		got := s.Check(v)
		text := ""
		if len(got) > 0 {
			text = got[0].Pointer + ": " + got[0].Detail
		}
		if !strings.Contains(text, c.want) || strings.Contains(got[0].Detail, "secret") {
			t.Errorf("%s on %s: %q, want %q", c.schema, c.doc, text, c.want)
		}
	}
}

// TestUnusable: what is refused when it is written.
func TestUnusable(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"text"}`:                                 "is no JSON Schema: /type",
		`{"$ref":"https://example.com/a"}`:                "not part of the schema",
		`{"$ref":"file:///etc/passwd"}`:                   "not part of the schema",
		`{"$ref":"/etc/passwd"}`:                          "no usable JSON Schema",
		`{"$ref":"#/nowhere"}`:                            "no usable JSON Schema",
		`{"$schema":"https://example.com/my"}`:            "no usable JSON Schema",
		`{"pattern":"(?=a)"}`:                             "is no JSON Schema: /pattern",
		`{"pattern":"` + strings.Repeat("a", 2000) + `"}`: "is no JSON Schema: /pattern",
	} {
		if _, err := compile(t, schema); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q inside", schema, err, want)
		}
	}
}

// TestEnum: values are found by what they are, however they are written, and a long
// list costs no more than a short one.
func TestEnum(t *testing.T) {
	s := must(t, `{"enum":[1,"1",2.50,-0,1e300,null,true,[1,{"a":2}],{"b":[]}]}`)
	for body, fits := range map[string]bool{
		`1`: true, `1.0`: true, `10e-1`: true, `"1"`: true, `2.5`: true, `0`: true, `0.0`: true, `-0.0`: true, `1E+300`: true, `1e299`: false, `null`: true, `true`: true,
		`[1.0,{"a":2e0}]`: true, `{"b":[]}`: true, `2`: false, `"2"`: false, `false`: false, `[]`: false, `{}`: false, `{"b":[0]}`: false, `-1`: false,
	} {
		if errs := s.Check(parse(t, body)); (errs == nil) != fits {
			t.Errorf("%s: %v", body, errs)
		}
	}
	list := make([]string, 1000)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	many := must(t, `{"items":{"enum":[`+strings.Join(list, ",")+`]}}`)
	body := parse(t, `[`+strings.TrimSuffix(strings.Repeat("999,", 100_000), ",")+`]`)
	if n := testing.AllocsPerRun(1, func() {
		if errs := many.Check(body); errs != nil {
			t.Error(errs)
		}
	}); n > 2_000_000 { // twenty a value; to compare with each of the list takes thousands
		t.Errorf("%.0f allocations", n)
	}
	if errs := must(t, `{"items":{"enum":[[`+strings.Join(list, ",")+`]]}}`).Check(parse(t, `[`+strings.TrimSuffix(strings.Repeat("[999],", 50_000), ",")+`]`)); len(errs) != 1 || !strings.Contains(errs[0].Detail, "too large") {
		t.Errorf("%v", errs)
	}
}

func must(t *testing.T, src string) *jsonschema.Schema {
	t.Helper()
	s, err := compile(t, src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t *testing.T, src string) any {
	t.Helper()
	v, err := document.ParseJSON([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMany: a document with many faults is told 50 of them.
func TestMany(t *testing.T) {
	t.Parallel()
	s, err := compile(t, `{"items":{"type":"string"}}`)
	if err != nil {
		t.Fatal(err)
	}
	v, err := document.ParseJSON([]byte("[" + strings.Repeat("1,", 5000) + "1]"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Check(v)); n != jsonschema.MaxErrors {
		t.Errorf("%d errors", n)
	}
}

func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#"}}}`, `{"a":{"a":1}}`)
	f.Add(`{"anyOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"$dynamicRef":"#n","$dynamicAnchor":"n"}}}`, `[[1]]`)
	f.Fuzz(func(t *testing.T, schema, doc string) {
		d, err := document.ParseJSON([]byte(schema))
		if err != nil {
			return
		}
		s, err := jsonschema.Compile(d, jsonschema.Options{Formats: true})
		if err != nil {
			return
		}
		if v, err := document.ParseJSON([]byte(doc)); err == nil {
			s.Check(v)
		}
	})
}
