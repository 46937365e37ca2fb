package match

import (
	"strings"
	"testing"
	"time"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/":                                     "exact /",
		"/a/b":                                  "exact /a/b",
		"/a/b/":                                 "exact /a/b slash",
		"/%41/é/x y":                            "",
		"/%41/é":                                "exact /A/%C3%A9",
		"/a/{id}":                               "params /a/{id}",
		"/{a}/b/{c}/":                           "params /{a}/b/{c} slash",
		"/a/{rest+}":                            "tail /a +rest",
		"/{rest+}":                              "tail  +rest",
		"/{id}/{rest+}":                         "tail /{id} +rest",
		"/a/*":                                  "prefix /a",
		"/*":                                    "prefix ",
		"/a/{id}/*":                             "prefix /a/{id}",
		"~^/a/[0-9]+$":                          "regex /a/",
		"~/a|/b":                                "regex /",
		"~(?i)/a":                               "regex /",
		"":                                      "",
		"a":                                     "",
		"/a//b":                                 "",
		"//":                                    "",
		"/a/../b":                               "",
		"/a/.":                                  "",
		"/a/%2e%2e":                             "",
		"/a/%2fb":                               "",
		"/a?b":                                  "",
		"/a;b":                                  "",
		"/*/b":                                  "",
		"/a*":                                   "",
		"/a/**":                                 "",
		"/{rest+}/b":                            "",
		"/{id":                                  "",
		"/a{id}":                                "",
		"/{id}.json":                            "",
		"/{}":                                   "",
		"/{1a}":                                 "",
		"/{a b}":                                "",
		"/{id}/{id}":                            "",
		"/{id}/{id+}":                           "",
		"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}":      "params /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}",
		"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i+}": "",
		"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}":  "",
		"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h+}":     "tail /{a}/{b}/{c}/{d}/{e}/{f}/{g} +h",
		"~":                                     "",
		"~(":                                    "",
		"~a{1000}{1000}":                        "",
		"~(a{1,200}b){5}":                       "",
		strings.Repeat("/a", 65):                "",
		"/" + strings.Repeat("a", MaxPathPattern): "",
	} {
		p, err := ParsePath(in)
		got := ""
		if err == nil {
			got = describe(p)
		}
		if got != want {
			t.Errorf("%q = %q, %v; want %q", in, got, err, want)
		}
	}
}

func describe(p *Path) string {
	if p.Kind == Regex {
		return "regex " + p.Literal
	}
	var b strings.Builder
	b.WriteString([...]string{"exact", "params", "tail", "prefix"}[p.Kind] + " ")
	for _, s := range p.Segments {
		b.WriteString("/" + s.Literal)
		if s.Param != "" {
			b.WriteString("{" + s.Param + "}")
		}
	}
	if p.Text() == "/" && p.Kind == Exact {
		return b.String() + "/"
	}
	if p.Tail != "" {
		b.WriteString(" +" + p.Tail)
	}
	if p.Slash {
		b.WriteString(" slash")
	}
	return b.String()
}

// TestRegexIsLinear is row URI17: bait for backtracking costs nothing here.
func TestRegexIsLinear(t *testing.T) {
	t.Parallel()
	p, err := ParsePath("~^/(a+)+$")
	if err != nil {
		t.Fatal(err)
	}
	bait := "/" + strings.Repeat("a", 8<<10) + "!"
	begin := time.Now()
	if p.Regex.MatchString(bait) {
		t.Fatal("it matched")
	}
	if d := time.Since(begin); d > 30*time.Second { // 1 ms on a quiet machine; backtracking would take years
		t.Errorf("8 KiB took %v", d)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/a/{id}/*", "/{rest+}", "~^/x$", "/é/%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := ParsePath(in)
		if err != nil || p.Kind == Regex {
			return
		}
		for _, s := range p.Segments {
			if (s.Literal == "") == (s.Param == "") {
				t.Fatalf("%q has segment %+v", in, s)
			}
			if canon, err := PathString("/" + s.Literal); s.Literal != "" && (err != nil || canon != "/"+s.Literal) {
				t.Fatalf("%q has segment %q that is not canonical", in, s.Literal)
			}
		}
	})
}
