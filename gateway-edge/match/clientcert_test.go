package match

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"CN=a", "CN=a", true},
		{"CN=a", "CN=ab", false},
		{"CN=a*", "CN=ab", true},
		{"*", "", true},
		{"dns:*.example.com", "dns:a.example.com", true},
		{"dns:*.example.com", "dns:example.com", false},
		{"dns:*.example.com", "dns:a.example.com.evil", false},
		{"a*b*c", "a1b2c", true},
		{"a*b*c", "a1c2b", false},
		{"ab*ba", "aba", false}, // the two ends share no character
		{strings.Repeat("a*", 500) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%.40q, %.40q) is %v", c.pattern, c.s, got)
		}
	}
}

func TestClientPolicyFor(t *testing.T) {
	t.Parallel()
	named, rest := &ClientPolicy{hosts: []string{"a.com", "*.b.com"}}, &ClientPolicy{}
	all := []*ClientPolicy{rest, named}
	for host, want := range map[string]*ClientPolicy{"a.com": named, "x.b.com": named, "b.com": rest, "x.y.b.com": rest} {
		if ClientPolicyFor(all, host) != want {
			t.Errorf("%s gets another policy", host)
		}
	}
	if ClientPolicyFor(all[1:], "c.com") != nil {
		t.Error("a host that nobody names gets a policy")
	}
}

// TestClientCertificatesTwice: two entries for one host could only contradict.
func TestClientCertificatesTwice(t *testing.T) {
	t.Parallel()
	list := []contract.ClientCertificates{{Hosts: []string{"a.com"}}, {Hosts: []string{"a.com"}}, {}, {}}
	_, errs := CompileClientCertificates(list, []string{"a.com"})
	text := errs.Error()
	for _, want := range []string{"/1/hosts: names what entry 0 is for already", "/3/hosts: names what entry 2 is for already", "/0/ca_pem: holds no certificate"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}
