package endpoint_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/services/contract"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://login.example.com":             "",
		"https://login.example.com:8443/a":      "",
		"http://127.0.0.1:9000/introspect":      "",
		"http://auth.localhost/x":               "",
		"http://10.1.2.3/":                      "",
		"":                                      "is needed: the address",
		"ftp://a.example":                       "begins with https://",
		"//a.example":                           "begins with https://",
		"https://user:pw@a.example/":            "host",
		"https://a.example/?q=1":                "no query",
		"https://a.example/#f":                  "no query",
		"https://a.example/a b":                 "no query",
		"https://a.example/%zz":                 "broken escape",
		"http://a.example/":                     "is https: they see it",
		"https://" + strings.Repeat("a/", 2000): "longer than",
	} {
		var errs contract.FieldErrors
		endpoint.CheckURL(in, "/url", "the address", "they see it", &errs)
		switch {
		case want == "" && len(errs) > 0:
			t.Errorf("%q: %v", in, errs)
		case want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Detail, want)):
			t.Errorf("%q: %v, want %q", in, errs, want)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"secret":"a"}`: "", `"plain"`: "must be a reference", `{"secret":""}`: "names a secret", `{"secret":"a","x":1}`: "unknown field", `7`: "must be a reference",
	} {
		var s endpoint.Secret
		err := json.Unmarshal([]byte(in), &s)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	open := func(name string) ([]byte, error) {
		if name == "there" {
			return []byte("value"), nil
		}
		return nil, errors.New("there is no such secret")
	}
	var errs contract.FieldErrors
	if v := (endpoint.Secret{Name: "there"}).Value(open, "/p", "x", &errs); v != "value" || len(errs) > 0 {
		t.Errorf("%q %v", v, errs)
	}
	(endpoint.Secret{Name: "away"}).Value(open, "/p", "x", &errs)
	(endpoint.Secret{}).Value(open, "/q", "for it", &errs)
	(endpoint.Secret{}).Value(open, "/r", "", &errs)
	if len(errs) != 2 || errs[0].Pointer != "/p/secret" || errs[1].Pointer != "/q" {
		t.Errorf("%v", errs)
	}
	if raw, err := json.Marshal(endpoint.Secret{Name: "a"}); err != nil || string(raw) != `{"secret":"a"}` {
		t.Errorf("%s %v", raw, err)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	var errs contract.FieldErrors
	endpoint.CheckScopes([]string{"ok", "", "a b", `a"b`}, "scopes", &errs)
	endpoint.CheckTexts(make([]string, 51), "list", 5, &errs)
	endpoint.CheckDuration(contract.Duration(time.Second), "/d", time.Second, time.Minute, &errs)
	endpoint.CheckDuration(0, "/d", time.Second, time.Minute, &errs)
	if len(errs) != 3+52+1 {
		t.Errorf("%d: %v", len(errs), errs)
	}
}
