package endpoint

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// MaxURL bounds an address, in bytes.
const MaxURL = 2048

// MaxList bounds a list of texts.
const MaxList = 50

// CheckURL wants an https address without query and fragment. Plain http is taken
// for addresses of this network only, which the guard behind Fetch refuses where
// they must not be reached. What is what the address is of, for the error; why is
// what could happen without TLS.
func CheckURL(s, at, what, why string, errs *contract.FieldErrors) {
	if s == "" {
		errs.Add(at, "is needed: "+what)
		return
	}
	scheme, rest, ok := strings.Cut(s, "://")
	authority, _, _ := strings.Cut(rest, "/")
	host, _, err := match.HostString(authority)
	switch {
	case len(s) > MaxURL:
		errs.Add(at, fmt.Sprintf("is longer than %d bytes", MaxURL))
	case !ok || scheme != "https" && scheme != "http":
		errs.Add(at, "begins with https://")
	case err != nil:
		errs.Add(at, err.Error())
	case strings.ContainsAny(rest, "?# \\") || !fieldedit.Legal(s) || !parses(s):
		errs.Add(at, "has no query, fragment, space, control character or broken escape")
	case scheme == "http" && !private(host):
		errs.Add(at, "is https: "+why)
	}
}

func parses(s string) bool {
	_, err := url.Parse(s)
	return err == nil
}

// private reports whether a host is an address of this machine or network.
func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (a.IsLoopback() || a.IsPrivate())
}

// CheckText wants 1 to most bytes without control characters.
func CheckText(s, at string, most int, errs *contract.FieldErrors) {
	if s == "" || len(s) > most || !fieldedit.Legal(s) {
		errs.Add(at, fmt.Sprintf("has 1 to %d bytes and no control characters", most))
	}
}

// CheckTexts checks each text of a list of at most MaxList.
func CheckTexts(list []string, field string, most int, errs *contract.FieldErrors) {
	if len(list) > MaxList {
		errs.Add("/"+field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), MaxList))
	}
	for i, s := range list {
		CheckText(s, contract.Pointer(field, i), most, errs)
	}
}

// CheckScopes wants scopes of RFC 6749 3.3.
func CheckScopes(list []string, field string, errs *contract.FieldErrors) {
	CheckTexts(list, field, 256, errs)
	for i, s := range list {
		if strings.ContainsAny(s, " \"\\") {
			errs.Add(contract.Pointer(field, i), "a scope has no space, quote or backslash (RFC 6749 3.3)")
		}
	}
}

// CheckDuration wants a duration within bounds.
func CheckDuration(d contract.Duration, at string, least, most time.Duration, errs *contract.FieldErrors) {
	if t := time.Duration(d); t < least || t > most {
		errs.Add(at, fmt.Sprintf("is between %s and %s", contract.Duration(least), contract.Duration(most)))
	}
}

// Secret is a reference to one of the gateway's secrets: {"secret": "name"}.
type Secret struct{ Name string }

// UnmarshalJSON reads the reference; a secret's value itself can't stand in a
// configuration, which many may read.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return contract.FieldErrors{{Detail: `must be a reference to a secret of the gateway: {"secret": "name"}`}}
	}
	var ref struct {
		Secret string `json:"secret"`
	}
	if err := contract.DecodeStrict(b, &ref); err != nil {
		return err
	}
	if ref.Secret == "" {
		return contract.FieldErrors{{Detail: "names a secret of the gateway"}}
	}
	s.Name = ref.Secret
	return nil
}

// MarshalJSON writes the reference.
func (s Secret) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Secret string `json:"secret"`
	}{s.Name})
}

// Value resolves the reference, which is needed when what says what it is for.
func (s Secret) Value(open func(name string) ([]byte, error), at, what string, errs *contract.FieldErrors) string {
	if s.Name == "" {
		if what != "" {
			errs.Add(at, "is needed: "+what)
		}
		return ""
	}
	v, err := open(s.Name)
	if err != nil {
		errs.Add(at+"/secret", err.Error())
		return ""
	}
	return string(v)
}
