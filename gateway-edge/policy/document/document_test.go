package document_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// TestMapping pins the mapping of XML to JSON, both ways.
func TestMapping(t *testing.T) {
	t.Parallel()
	for xml, json := range map[string]string{
		`<a></a>`:                 `{"a":""}`,
		`<a>text</a>`:             `{"a":"text"}`,
		`<a> </a>`:                `{"a":" "}`,
		`<a x="1">text</a>`:       `{"a":{"#text":"text","@x":"1"}}`,
		`<a x="1"></a>`:           `{"a":{"@x":"1"}}`,
		`<a><b>1</b><b>2</b></a>`: `{"a":{"b":["1","2"]}}`,
		`<a><c></c><b></b></a>`:   `{"a":{"#order":["c","b"],"b":"","c":""}}`,
		`<a>x<b></b>y</a>`:        `{"a":{"#order":["#text","b","#text"],"#text":["x","y"],"b":""}}`,
		`<a>x<b></b></a>`:         `{"a":{"#text":"x","b":""}}`,
		`<s:a xmlns:s="urn:s"><s:b s:c="&quot;&amp;&lt;&gt;'&#xA;&#x9;&#xD;">&lt;&amp;]]&gt;&#xD;"</s:b></s:a>`: `{"s:a":{"@xmlns:s":"urn:s","s:b":{"#text":"<&]]>\u000d\"","@s:c":"\"&<>'\n\t\u000d"}}}`,
		`<a xml:space="preserve"> <b></b> </a>`: `{"a":{"#order":["#text","b","#text"],"#text":[" "," "],"@xml:space":"preserve","b":""}}`,
	} {
		v, err := document.ParseXML([]byte(xml))
		if err != nil {
			t.Errorf("%s: %v", xml, err)
			continue
		}
		b, err := document.AppendJSON(nil, v, 1000)
		if err != nil || string(b) != json {
			t.Errorf("%s is %s, %v, want %s", xml, b, err, json)
		}
		if v, err = document.ParseJSON([]byte(json)); err != nil {
			t.Fatal(err)
		}
		b, err = document.AppendXML(nil, v, 1000)
		if err != nil || string(b) != head+xml+"\n" {
			t.Errorf("%s is %s, %v, want %s", json, b, err, xml)
		}
	}
}

// TestLayout: what means nothing is dropped, however text is escaped.
func TestLayout(t *testing.T) {
	t.Parallel()
	const src = "<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><?p i?>\n<a>\n  <b><![CDATA[<x>]]>&#65;</b>\n <!-- c -->\n <b/>\n</a>\n"
	v, err := document.ParseXML([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := document.AppendXML(nil, v, 1000); string(b) != head+"<a><b>&lt;x&gt;A</b><b></b></a>\n" {
		t.Errorf("%s", b)
	}
}

// TestThereAndBack: 200 documents become JSON text and come back byte for byte.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		var b strings.Builder
		b.WriteString(head)
		grow(&b, r, 0)
		b.WriteByte('\n')
		src := b.String()
		v, err := document.ParseXML([]byte(src))
		if err != nil {
			t.Fatalf("%d: %v in %s", seed, err, src)
		}
		text, err := document.AppendJSON(nil, v, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = document.ParseJSON(text); err != nil {
			t.Fatalf("%d: %v in %s", seed, err, text)
		}
		back, err := document.AppendXML(nil, v, 1<<20)
		if err != nil || string(back) != src {
			t.Fatalf("%d: %v\n%s\n%s\n%s", seed, err, src, text, back)
		}
	}
}

// grow writes an element in the form that AppendXML gives it: with every kind of
// content, order and text.
func grow(b *strings.Builder, r *rand.Rand, depth int) {
	names := []string{"a", "b", "soap:Body", "ünï", "x-1.y", "_"}
	texts := []string{"1", "ä €", "&lt;&amp;&gt;", "line\nline", " x ", "r&#xD;", "\U0001F600", `"'`}
	name := names[r.IntN(len(names))]
	b.WriteString("<" + name)
	for i, a := range []string{"a", "id", "xml:lang", "xmlns:soap"} {
		if r.IntN(5) == 0 {
			fmt.Fprintf(b, ` %s="%d&quot;&#xA;%s"`, a, i, strings.ReplaceAll(strings.ReplaceAll(texts[r.IntN(6)], "\n", ""), `"`, ""))
		}
	}
	b.WriteByte('>')
	text := false
	for range r.IntN(6) {
		if !text && r.IntN(3) == 0 {
			b.WriteString(texts[r.IntN(len(texts))])
			text = true
		} else if depth < 5 {
			grow(b, r, depth+1)
			text = false
		}
	}
	b.WriteString("</" + name + ">")
}

// TestRefused: rows MSC04 and MSC05 of what a body may not hold.
func TestRefused(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`:     "document type",
		`<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`: "document type",
		`<a><!ENTITY x "y"></a>`:                       "document type",
		`<a>&x;</a>`:                                   "malformed",
		`<a>&#0;</a>`:                                  "malformed",
		`<a`:                                           "malformed",
		`<a><b></a></b>`:                               "another name",
		`<a>`:                                          "not closed",
		`<a/><b/>`:                                     "two root",
		`x<a/>`:                                        "outside",
		``:                                             "no element",
		`<a x="1" x="2"/>`:                             "twice",
		`<a:b:c/>`:                                     "malformed",
		`<1/>`:                                         "malformed",
		`<?xml version="1.0" encoding="utf-16"?><a/>`:                       "malformed",
		`<?xml version="1.1"?><a/>`:                                         "malformed",
		"\xef\xbb\xbf<a/>":                                                  "byte order",
		"<a>\xff</a>":                                                       "UTF-8",
		strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65):              "deeper",
		"<a>" + strings.Repeat("<b/>", document.MaxValues) + "</a>":         "more than",
		"<a " + strings.Repeat(`b="1" `, 2) + strings.Repeat("x", 10) + ">": "malformed",
	} {
		if _, err := document.ParseXML([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", src, err, want)
		}
	}
	for src, want := range map[string]string{
		`[1]`: "root element", `{"a":1,"b":2}`: "root element", `{"a":[1]}`: "array", `{"a b":1}`: "no name", `{"a":{"b":[[1]]}}`: "array", `{"a":"\u0000"}`: "character",
		`{"a":{"@x":{}}}`: "attribute", `{"a":{"#order":["b"]}}`: "#order", `{"a":{"#order":["c"],"b":1}}`: "#order", `{"a":{"#order":1,"b":1}}`: "#order", `{"a":{"@a b":1}}`: "attribute",
		`{"a":"` + strings.Repeat("x", 2000) + `"}`: "larger", `{"a":{"@x onload=\"":1}}`: "attribute", `{"a":"\uffff"}`: "character",
	} {
		v, err := document.ParseJSON([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := document.AppendXML(nil, v, 1000); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", src, err, want)
		}
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	v, err := document.ParseForm([]byte("b=2&a=%C3%A4+x&b=3&c&&d=%26"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":"ä x","b":["2","3"],"c":"","d":"&"}`
	if b, _ := document.AppendJSON(nil, v, 100); string(b) != want {
		t.Errorf("%s", b)
	}
	if b, err := document.AppendForm(nil, v, 100); string(b) != "a=%C3%A4+x&b=2&b=3&c=&d=%26" || err != nil {
		t.Errorf("%s %v", b, err)
	}
	for _, bad := range []string{"a=%", "%zz=1", "a=%ff"} {
		if _, err := document.ParseForm([]byte(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	for _, bad := range []string{`[1]`, `{"a":{"b":1}}`, `{"a":[[1]]}`, `{"a":"` + strings.Repeat("x", 200) + `"}`} {
		v, err := document.ParseJSON([]byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := document.AppendForm(nil, v, 100); err == nil {
			t.Errorf("%s is written", bad)
		}
	}
}

// FuzzJSON: what is read is written so that it is read the same.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1.50,-0,1e5,"\u00e4\ud83d\ude00\u0000"],"b":{}}`)
	f.Fuzz(func(t *testing.T, s string) {
		again(t, s, document.ParseJSON, document.AppendJSON)
	})
}

// FuzzXML: likewise.
func FuzzXML(f *testing.F) {
	f.Add(`<a x="1">t<b/>u<c> </c><![CDATA[x]]></a>`)
	f.Fuzz(func(t *testing.T, s string) {
		again(t, s, document.ParseXML, document.AppendXML)
	})
}

func again(t *testing.T, s string, parse func([]byte) (any, error), write func([]byte, any, int) ([]byte, error)) {
	v, err := parse([]byte(s))
	if err != nil {
		return
	}
	b, err := write(nil, v, 1<<24)
	if err != nil {
		t.Fatalf("%q is read and can't be written: %v", s, err)
	}
	if v, err = parse(b); err != nil {
		t.Fatalf("%q is written as %q: %v", s, b, err)
	}
	c, err := write(nil, v, 1<<24)
	if err != nil || string(b) != string(c) {
		t.Fatalf("%q, then %q: %v", b, c, err)
	}
}
