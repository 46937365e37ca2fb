package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Provider is a sign-in provider as the operator set it: OIDC_<NAME>_ISSUER,
// OIDC_<NAME>_CLIENT_ID and OIDC_<NAME>_CLIENT_SECRET.
type Provider struct {
	Name         string // lower case
	Issuer       string
	ClientID     string
	ClientSecret string
}

// Providers returns the sign-in providers by name. One that lacks a part is an
// error that names it.
func (v *Values) Providers() ([]Provider, error) {
	byName := map[string]*Provider{}
	for _, key := range slices.Sorted(maps.Keys(v.oidc)) {
		name, part, _ := cutOIDC(key)
		p := byName[name]
		if p == nil {
			p = &Provider{Name: strings.ToLower(name)}
			byName[name] = p
		}
		switch part {
		case "ISSUER":
			p.Issuer = v.oidc[key]
		case "CLIENT_ID":
			p.ClientID = v.oidc[key]
		case "CLIENT_SECRET":
			p.ClientSecret = v.oidc[key]
		}
	}
	var out []Provider
	var errs []error
	for name, p := range byName {
		if p.Issuer == "" || p.ClientID == "" || p.ClientSecret == "" {
			errs = append(errs, fmt.Errorf("%sOIDC_%s needs all of _ISSUER, _CLIENT_ID and _CLIENT_SECRET", prefix, name))
		}
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Provider) int { return strings.Compare(a.Name, b.Name) })
	return out, errors.Join(errs...)
}

// cutOIDC takes OIDC_<NAME>_<PART> apart.
func cutOIDC(setting string) (name, part string, ok bool) {
	rest, ok := strings.CutPrefix(setting, "OIDC_")
	if !ok {
		return "", "", false
	}
	for _, part := range []string{"ISSUER", "CLIENT_ID", "CLIENT_SECRET"} {
		if name, ok := strings.CutSuffix(rest, "_"+part); ok && name != "" {
			return name, part, true
		}
	}
	return "", "", false
}
