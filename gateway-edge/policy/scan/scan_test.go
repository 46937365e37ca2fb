package scan

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

var (
	jsonLimits = &JSONLimits{Depth: 4, Keys: 3, ArrayLength: 4, Values: 20, KeyLength: 8, StringLength: 10, NumberLength: 12}
	xmlLimits  = &XMLLimits{Depth: 3, Elements: 5, Attributes: 2, NameLength: 8, ValueLength: 8, TextLength: 10}
	formLimits = &FormLimits{Fields: 3, NameLength: 4, ValueLength: 6}
	images, _  = NewTypePattern("image/*")
	partLimits = &MultipartLimits{
		Parts: 3, NameLength: 8, PartBytes: 10, FileBytes: 20, FileNameLength: 10, Files: 1,
		FileTypes: []TypePattern{images}, Extensions: []string{".png"},
	}
)

// run feeds a body in pieces of n bytes; 0: at once. It returns what is wrong.
func run(s Scanner, body string, n int) string {
	if n == 0 {
		n = max(1, len(body))
	}
	for len(body) > 0 {
		k := min(n, len(body))
		if !s.Feed([]byte(body[:k])) {
			return s.Fault().String()
		}
		body = body[k:]
	}
	if !s.End() {
		return s.Fault().String()
	}
	return ""
}

// verdict runs a body in several ways of cutting, on a scanner that is used again
// and again, and holds the verdicts to one another. Of two faults another one may
// be seen first.
func verdict(t testing.TB, body string, fresh func() Scanner) string {
	t.Helper()
	first := run(fresh(), body, 0)
	for _, n := range []int{1, 2, 3, 7} {
		if got := run(fresh(), body, n); (got == "") != (first == "") {
			t.Fatalf("%q in pieces of %d: %q, at once: %q", body, n, got, first)
		}
	}
	return first
}

func jsonScanner(lines bool) func() Scanner {
	s := &JSON{}
	return func() Scanner { s.Reset(jsonLimits, lines); return s }
}

func xmlScanner() func() Scanner {
	s := &XML{}
	return func() Scanner { s.Reset(xmlLimits); return s }
}

func formScanner() func() Scanner {
	s := &Form{}
	return func() Scanner { s.Reset(formLimits); return s }
}

func partScanner(t testing.TB, l *MultipartLimits, typ string) func() Scanner {
	s := &Multipart{}
	m, ok := ReadMediaType(policy.Static(typ))
	if !ok {
		t.Fatal(typ)
	}
	return func() Scanner {
		if !s.Reset(l, &m) {
			return failed{s}
		}
		return s
	}
}

// failed is a scanner that was never ready.
type failed struct{ *Multipart }

func (failed) Feed([]byte) bool { return false }
func (failed) End() bool        { return false }

type example struct{ body, want string }

func check(t *testing.T, fresh func() Scanner, list []example) {
	t.Helper()
	for _, e := range list {
		got := verdict(t, e.body, fresh)
		if e.want == "" && got != "" || e.want != "" && !strings.Contains(got, e.want) {
			t.Errorf("%.80q: %q, want %q", e.body, got, e.want)
		}
	}
}

func TestJSON(t *testing.T) {
	check(t, jsonScanner(false), []example{
		{`{"a":[1,-2.5e3,true,null],"b":{"c":"x"}}`, ""},
		{` [ ] `, ""},
		{`"é€😀"`, ""},
		{`"\u00e9\ud83d\ude00\n"`, ""},
		{`0`, ""},
		{`-0.0`, ""},
		{`"\ud83d"`, ""}, // half a pair in a value is one replacement character
		{``, "there is no JSON"},
		{`  `, "there is no JSON"},
		{`[[[[1]]]]`, ""},
		{`[[[[[1]]]]]`, "deeper than 4 levels (byte 4)"},
		{`{"a":1,"b":2,"c":3,"d":4}`, "more than 3 keys"},
		{`[1,2,3,4,5]`, "more than 4 values"},
		{`[[1,1,1,1],[1,1,1,1],[1,1,1,1],[1,1,1,1]]`, "more than 20 keys and values"},
		{`{"123456789":1}`, "key of the JSON has more than 8 bytes"},
		{`{"\u00e9\u00e9\u00e9\u00e9\u00e9":1}`, "key of the JSON has more than 8 bytes"},
		{`"12345678901"`, "string of the JSON has more than 10 bytes"},
		{`"\u0031\u0031\u0031\u0031\u0031\u0031\u0031\u0031\u0031\u0031\u0031"`, "more than 10 bytes"},
		{`1234567890123`, "more than 12 characters"},
		{`{"a":1,"a":2}`, "two keys of one name"},
		{`{"a":1,"\u0061":2}`, "two keys of one name"},
		{`{"a":{"a":1},"b":{"a":1}}`, ""},
		{`{"\ud83d":1}`, "half of a surrogate pair"},
		{`{"\ude00":1}`, "half of a surrogate pair"},
		{`1e999`, "larger than a double"},
		{`[-1e400]`, "larger than a double"},
		{`1e-999`, ""},
		{"\xEF\xBB\xBF{}", "where a value must be"},
		{"\xFE\xFF\x00{", "where a value must be"},
		{`{} {}`, "behind the end"},
		{`{}x`, "behind the end"},
		{`[1,]`, "where a value must be"},
		{`{"a":1,}`, "where a key must be"},
		{`{a:1}`, "where a key must be"},
		{`{"a" 1}`, "no colon"},
		{`[1 2]`, "lacks a comma"},
		{`[1}`, "does not fit"},
		{`[`, "ends too early"},
		{`{"a":`, "ends too early"},
		{`"a`, "ends too early"},
		{`"\u12`, "ends too early"},
		{`tru`, "ends too early"},
		{`tr ue`, "a word"},
		{`nul1`, "a word"},
		{`01`, "begins with 0"},
		{`-01`, "begins with 0"},
		{`1.`, "not complete"},
		{`-`, "not complete"},
		{`1e+`, "not complete"},
		{`[1.2.3]`, "lacks a comma"},
		{`+1`, "where a value"},
		{`"a` + "\n" + `"`, "control character"},
		{`"\x"`, "escape"},
		{`"\u12G4"`, "escape"},
		{"\"\xff\"", "UTF-8"},
		{"\"\xc0\xaf\"", "UTF-8"},
		{"\"\xed\xa0\x80\"", "UTF-8"},
		{"\"\xe2\x82\"", "UTF-8"},
	})
	check(t, jsonScanner(true), []example{
		{"{}\n[1]\n", ""},
		{"{}\n{", "ends too early"},
		{"", "there is no JSON"},
	})
	twice := *jsonLimits
	twice.Duplicates = true
	s := &JSON{}
	s.Reset(&twice, false)
	if got := run(s, `{"a":1,"a":2}`, 0); got != "" {
		t.Error(got)
	}
}

func TestXML(t *testing.T) {
	check(t, xmlScanner(), []example{
		{`<?xml version="1.0" encoding="UTF-8"?><a b="1" c='2'>&amp;&#65;<d/></a>` + "\n", ""},
		{"\xEF\xBB\xBF<a/>", ""},
		{"\xEF\xBB<a/>", "UTF-8"},
		{`<!-- a - b --><a><![CDATA[<x>&]]></a><!-- end -->`, ""},
		{`<é>ü</é>`, ""},
		{``, "no XML"},
		{`<a>`, "ends too early"},
		{`<a></b>`, "closes another"},
		{`</a>`, "not open"},
		{`<a/><b/>`, "second element"},
		{`<a/>x`, "outside"},
		{`x<a/>`, "outside"},
		{`<a><b><c/></b></a>`, ""},
		{`<a><b><c><d/></c></b></a>`, "deeper than 3"},
		{`<a><b/><b/><b/><b/><b/></a>`, "more than 5 elements"},
		{`<a b="" c="" d=""/>`, "more than 2 attributes"},
		{`<a b="" b=""/>`, "two attributes"},
		{`<a b=""c=""/>`, "malformed"},
		{`<a b="123456789"/>`, "attribute of the XML has more than 8"},
		{`<a>12345678901</a>`, "text of the XML has more than 10"},
		{`<a>123<!-- x -->45678901</a>`, "text of the XML has more than 10"},
		{`<a123456789/>`, "name of the XML has more than 8"},
		{`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "document type declaration"},
		{`<!ENTITY x "y"><a/>`, "document type declaration"},
		{`<a>&x;</a>`, "not one of the five"},
		{`<a b="&x;"/>`, "not one of the five"},
		{`<a>&#0;</a>`, "not one of the five"},
		{`<a>&#xD800;</a>`, "not one of the five"},
		{`<a>&#x110000;</a>`, "not one of the five"},
		{`<a>&lt</a></a></a>`, "not one of the five"},
		{`<a>]]></a>`, "]]>"},
		{`<a><!-- -- --></a>`, "--"},
		{`<a b=1/>`, "no quotes"},
		{`<a b/>`, "no value"},
		{`<a b="<"/>`, `holds a "<"`},
		{`<a></a b>`, "malformed"},
		{`< a/>`, "begins nothing"},
		{`<a / >`, "inside of a tag"},
		{`<a><![CDATX[]]></a>`, "does not know"},
		{`<?xml version="1.0" encoding="UTF-16"?><a/>`, "not in UTF-8"},
		{"<?xml\nversion='1.0' encoding='utf-7'?><a/>", "not in UTF-8"},
		{"<?xml version='1.0' encoding='utf-8x'?><a/>", "not in UTF-8"},
		{` <?xml version="1.0"?><a/>`, "not at the beginning"},
		{`<?XML version="1.0"?><a/>`, "not at the beginning"},
		{`<?go on?><a/>`, ""},
		{"<a>\x00</a>", "control character"},
		{"<a>\xff</a>", "UTF-8"},
		{"<\x00?\x00x", "control character"},
	})
}

func TestForm(t *testing.T) {
	check(t, formScanner(), []example{
		{"a=1&b=%41+x&", ""},
		{"", ""},
		{"a=1&b=2&c=3&d=4", "more than 3 fields"},
		{"&&&&a", ""},
		{"abcde=1", "name of the form has more than 4"},
		{"%41%41%41%41=1", ""},
		{"a=1234567", "value of the form has more than 6"},
		{"a=%4", "hexadecimal"},
		{"a=%zz", "hexadecimal"},
		{"a=\n", "control character"},
	})
}

// part writes a body with boundary "b" of heads and contents.
func part(list ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(list); i += 2 {
		fmt.Fprintf(&b, "--b\r\n%s\r\n\r\n%s\r\n", list[i], list[i+1])
	}
	return b.String() + "--b--\r\n"
}

const named = `Content-Disposition: form-data; name="a"`

func TestMultipart(t *testing.T) {
	const form = "multipart/form-data; boundary=b"
	file := named + `; filename="x.png"` + "\r\nContent-Type: image/png"
	check(t, partScanner(t, partLimits, form), []example{
		{part(named, "1", file, "12345678901234567890"), ""},
		{part(named, ""), ""},
		{part(named, "1\r\n--a\r\n-"), ""},
		{part(named, "1", named, "1", named, "1", named, "1"), "more than 3 parts"},
		{part(named, "12345678901"), "part has more than 10 bytes"},
		{part(file, "123456789012345678901"), "part has more than 20 bytes"},
		{part(file, "1", file, "1"), "more than 1 files"},
		{part(strings.Replace(file, "png", "exe", 1), "1"), "ending that is not accepted"},
		{part(strings.Replace(file, "image/png", "text/html", 1), "1"), "type that is not accepted"},
		{part(strings.Replace(file, "x.png", "12345678.png", 1), "1"), "name of a file has more than 10"},
		{part(strings.Replace(file, "x.png", "../x.png", 1), "1"), "holds a path"},
		{part(strings.Replace(file, "x.png", `C:x.png`, 1), "1"), "holds a path"},
		{part(strings.Replace(file, "x.png", `..\x.png`, 1), "1"), "malformed Content-Disposition"},
		{part(`Content-Disposition: form-data; name="123456789"`, "1"), "name of a part has more than 8"},
		{part(`Content-Disposition: form-data; name="a"; name="b"`, "1"), "malformed Content-Disposition"},
		{part(named+`; filename="a.png"; filename="b.png"`, "1"), "malformed Content-Disposition"},
		{part(named+`; filename*=UTF-8''a.png`, "1"), "encoding of its own"},
		{part(named+"\r\n"+named, "1"), "two fields Content-Disposition"},
		{part(file+"\r\nContent-Type: image/png", "1"), "two fields Content-Type"},
		{part(named+"\r\n folded", "1"), "malformed field"},
		{part(named+"\r\nContent-Transfer-Encoding: base64", "1"), "is encoded"},
		{part(named+"\r\nContent-Encoding: gzip", "1"), "is encoded"},
		{part(named+"\r\nContent-Type: multipart/mixed; boundary=c", "1"), "multipart itself"},
		{part(`Content-Disposition: form-data`, "1"), "no name"},
		{part(`X-A: 1`, "1"), "no name"},
		{part(named+"\r\nX-A: \x01", "1"), "control character"},
		{part(named+"\r\nX-A: \xff", "1"), "UTF-8"},
		{part(named+strings.Repeat("\r\nX: 1", 20), "1"), "too many fields"},
		{part(named+"\r\nX: "+strings.Repeat("1", 5000), "1"), "more than 4096 bytes"},
		{"--b--\r\n", "has no part"},
		{"x" + part(named, "1"), "does not begin"},
		{part(named, "1") + "x", "behind the multipart body"},
		{strings.TrimSuffix(part(named, "1"), "\r\n"), ""},
		{strings.TrimSuffix(part(named, "1"), "\n"), "ends too early"},
		{"--b\r\n" + named + "\r\n\r\n1", "ends too early"},
		{"--b\r\n" + named + "\r\n\r\n1\r\n--b", "ends too early"},
		{"--b\r\n" + named + "\r\n\r\n1\n--b--\r\n", "behind no line end"},
		{"--b\r\n" + named + "\r\n\r\n--b--\r\n", "behind no line end"},
		{"--b\r\n" + named + "\r\n\r\n1\r\n--bc\r\n--b--\r\n", "does not stand alone"},
		{"--b\n" + named + "\n\n1\n--b--\n", "does not stand alone"},
	})
	check(t, partScanner(t, partLimits, "multipart/mixed; boundary=b"), []example{{part("Content-Type: text/plain", "1"), ""}})
	check(t, partScanner(t, partLimits, "multipart/form-data"), []example{{part(named, "1"), "no usable boundary"}})
	check(t, partScanner(t, partLimits, `multipart/form-data; boundary="a b"`), []example{{part(named, "1"), "no usable boundary"}})
}

func TestMediaType(t *testing.T) {
	for _, e := range []struct {
		value string
		kind  Kind
		ok    bool
		utf8  bool
	}{
		{"application/json", KindJSON, true, true},
		{"Application/JSON ; charset=UTF-8", KindJSON, true, true},
		{`application/problem+json;charset="utf-16";`, KindJSON, true, false},
		{"application/x-ndjson", KindJSONLines, true, true},
		{"application/soap+xml; action=\"a;b\"; charset=utf-8", KindXML, true, true},
		{"text/plain", Other, true, true},
		{"multipart/form-data; boundary=x", KindMultipart, true, true},
		{"application/x-www-form-urlencoded", KindForm, true, true},
		{"json", Other, false, true},
		{"/json", Other, false, true},
		{"a/", Other, false, true},
		{"a/b c", Other, false, true},
		{"a/b, c/d", Other, false, true},
		{"a/b; charset", Other, false, true},
		{"a/b; charset=", Other, false, true},
		{"a/b; charset=x; charset=y", Other, false, true},
		{`a/b; charset="x`, Other, false, true},
		{`a/b; charset="x"y`, Other, false, true},
		{`a/b; charset="\x"`, Other, false, true},
		{"multipart/a; boundary=x; boundary=x", Other, false, true},
	} {
		m, ok := ReadMediaType(policy.Static(e.value))
		if ok != e.ok || ok && (m.Kind != e.kind || m.UTF8() != e.utf8) {
			t.Errorf("%q: kind %d ok %v UTF-8 %v", e.value, m.Kind, ok, m.UTF8())
		}
	}
	for s, fits := range map[string]string{"image/*": "Image/PNG", "*/*": "a/b", "Text/html": "text/HTML"} {
		p, ok := NewTypePattern(s)
		if !ok || !p.Fits(policy.Static(fits)) || s != "*/*" && p.Fits(policy.Static("video/mp4")) {
			t.Errorf("%s: ok %v", s, ok)
		}
	}
	for _, s := range []string{"", "image", "*/png", "a/b/c", "a/ b", "image/"} {
		if _, ok := NewTypePattern(s); ok {
			t.Errorf("%q is a pattern", s)
		}
	}
}

// FuzzJSON: what passes is valid to the standard library, in which no object has
// a key twice.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,true,null],"b":"\ud83d\ude00"}`, `{"a":1,"\u0061":2}`, `[[[[]]]]`, "\"\xff\"", `-0.1E+5`} {
		f.Add(s)
	}
	fresh := jsonScanner(false)
	f.Fuzz(func(t *testing.T, body string) {
		if verdict(t, body, fresh) != "" {
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatalf("%q passes and is not valid", body)
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		d := json.NewDecoder(strings.NewReader(body))
		keys, tokens := 0, 0
		for {
			tok, err := d.Token()
			if err != nil {
				break
			}
			if tok != json.Delim('}') && tok != json.Delim(']') {
				tokens++
			}
		}
		keys = count(v)
		if keys != tokens {
			t.Fatalf("%q: %d keys and values, %d tokens: a key was there twice", body, keys, tokens)
		}
	})
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += 1 + count(e)
		}
	case []any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}

// FuzzXML: what passes is well-formed to the standard library, and has neither a
// directive nor an entity of its own.
func FuzzXML(f *testing.F) {
	for _, s := range []string{`<?xml version="1.0"?><a b="1">x &amp;<d/></a>`, `<!DOCTYPE a><a/>`, `<a><![CDATA[x]]></a>`} {
		f.Add(s)
	}
	fresh := xmlScanner()
	f.Fuzz(func(t *testing.T, body string) {
		if verdict(t, body, fresh) != "" {
			return
		}
		d := xml.NewDecoder(strings.NewReader(body))
		for {
			tok, err := d.Token()
			if err == io.EOF {
				return
			}
			if err != nil && lenient(body) {
				return
			}
			if err != nil {
				t.Fatalf("%q passes: %v", body, err)
			}
			if _, is := tok.(xml.Directive); is {
				t.Fatalf("%q passes with a directive", body)
			}
		}
	})
}

// lenient are documents that the standard library refuses for what is no matter
// of well-formedness alone: names in namespaces and characters of XML 1.0's tables.
func lenient(body string) bool {
	return strings.Contains(body, ":") || strings.Contains(body, "<?") || strings.ContainsFunc(body, func(r rune) bool { return r >= 0x80 })
}

// FuzzMultipart: what passes has the parts that the standard library sees.
func FuzzMultipart(f *testing.F) {
	f.Add(part(named, "1", named+`; filename="x.png"`+"\r\nContent-Type: image/png", "2"))
	f.Add("--b\r\n" + named + "\r\n\r\n1\n--b--\r\n")
	fresh := partScanner(f, partLimits, "multipart/form-data; boundary=b")
	f.Fuzz(func(t *testing.T, body string) {
		s := fresh()
		if verdict(t, body, fresh) != "" {
			return
		}
		r := multipart.NewReader(strings.NewReader(body), "b")
		n := 0
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			n++
			if b, err := io.ReadAll(p); err != nil || int64(len(b)) > partLimits.FileBytes {
				t.Fatalf("%q: %d bytes, %v", body, len(b), err)
			}
		}
		if parts := s.(*Multipart).parts; n != parts {
			t.Fatalf("%q: %d parts, the standard library sees %d", body, parts, n)
		}
	})
}

// FuzzForm: what passes is read by the standard library, with as many fields at
// most.
func FuzzForm(f *testing.F) {
	f.Add("a=1&b=%41+x")
	fresh := formScanner()
	f.Fuzz(func(t *testing.T, body string) {
		if verdict(t, body, fresh) != "" || strings.Contains(body, ";") {
			return
		}
		v, err := url.ParseQuery(body)
		if err != nil || len(v) > formLimits.Fields {
			t.Fatalf("%q: %d fields, %v", body, len(v), err)
		}
	})
}

// TestAllocations: a warm scanner allocates nothing.
func TestAllocations(t *testing.T) {
	form := policy.Static("multipart/form-data; boundary=b")
	big := &JSONLimits{Depth: 64, Keys: 1000, ArrayLength: 1000, Values: 10000, KeyLength: 100, StringLength: 1000, NumberLength: 100}
	text := []byte(`{"items":[{"id":12345,"name":"Ann","price":12.5e2}],"note":"a \u00e9"}`)
	doc := []byte(`<a b="1"><c>x &amp; y</c></a>`)
	body := []byte(part(named, "1"))
	var j JSON
	var x XML
	var p Multipart
	if n := alloctest.PerRun(100, func() {
		m, _ := ReadMediaType(form)
		j.Reset(big, false)
		x.Reset(xmlLimits)
		p.Reset(partLimits, &m)
		if !j.Feed(text) || !j.End() || !x.Feed(doc) || !x.End() || !p.Feed(body) || !p.End() {
			t.Fatal(j.Fault(), x.Fault(), p.Fault())
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJSON(b *testing.B) {
	l := &JSONLimits{Depth: 64, Keys: 1000, ArrayLength: 1000, Values: 10000, KeyLength: 100, StringLength: 1000, NumberLength: 100}
	body := bytes.Repeat([]byte(`{"id":12345,"name":"Ann Example","mail":"ann@example.com","tags":["a","b"]},`), 13)
	body = append(append([]byte{'['}, body...), '0', ']')
	var s JSON
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		s.Reset(l, false)
		if !s.Feed(body) || !s.End() {
			b.Fatal(s.Fault())
		}
	}
}
