package nginx

import (
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// open makes the route public where nothing asks who calls: so it was at nginx.
func (w *walker) open(l *location) {
	asks := slices.ContainsFunc(l.route.Policies, func(p contract.Policy) bool { return slices.Contains(identifies, p.Type) })
	own := false
	for _, p := range w.present.Policies {
		if !slices.Contains(identifies, p.Type) {
			continue
		}
		own = true
		if asks && !slices.ContainsFunc(l.route.Policies, func(q contract.Policy) bool { return q.Type == p.Type }) {
			w.refuse(l, l.at, "the gateway's own policy "+p.Type+" would let callers in beside auth_basic", "take it off the gateway, or map auth_basic to it by the option schemes")
		}
	}
	if asks || own || l.closed {
		return
	}
	if w.o.Unsecured == "refuse" {
		w.refuse(l, l.at, "it asks nobody who calls, and the option unsecured refuses that", "")
		return
	}
	l.route.Public = true
}

var identifies = []string{"api_key", "jwt", "basic", "mtls", "oidc_login", "introspection"}

// authBasic is the policy that the option schemes names for auth_basic.
func (w *walker) authBasic(l *location, d *directive) {
	p, ok := w.o.Schemes["auth_basic"]
	switch {
	case d.name == "auth_basic" && d.arg(0) == "off":
		w.refuse(l, d, "it opens a location that the server block protects", "give it a route of its own")
	case !ok:
		w.refuse(l, d, "the users' file can't be read", `say by the option schemes which policy it is: {"auth_basic": {"type": "basic", "config": {"users": {"alice": {"secret": …}}}}}`)
	case !slices.Contains(identifies, p.Type):
		w.refuse(l, d, "the policy "+p.Type+" does not ask who calls", "map auth_basic to one of "+strings.Join(identifies, ", "))
	case d.name == "auth_basic":
		l.route.Policies = append(l.route.Policies, p)
		w.taken(d, d.String()+" → policy "+p.Type)
	}
}

// allow and deny are read in their order: nginx takes the first that fits.
func (w *walker) allow(l *location, d *directive) {
	switch {
	case l.denyAll:
		w.approximated(d, "it stands behind deny all, and never holds", "")
	case d.arg(0) == "all":
		l.allowAll = true
	case len(l.deny) > 0:
		w.refuse(l, d, "an allowed address behind a denied one can't be carried over: the policy ip_filter lets denied ones go before", "order the lines: allowed addresses, then deny all")
	default:
		l.allow = append(l.allow, d.arg(0))
	}
}

func (w *walker) deny(l *location, d *directive) {
	switch {
	case l.allowAll:
		w.approximated(d, "it stands behind allow all, and never holds", "")
	case d.arg(0) == "all":
		l.denyAll = true
	case len(l.allow) > 0:
		w.refuse(l, d, "a denied address behind an allowed one can't be carried over: the policy ip_filter lets denied ones go before", "order the lines: denied addresses, then allow all; or allowed ones, then deny all")
	default:
		l.deny = append(l.deny, d.arg(0))
	}
}

func (w *walker) access(l *location) {
	config := map[string]any{}
	switch {
	case l.denyAll && len(l.allow) == 0:
		l.closed = true
		return
	case l.denyAll:
		config["allow"] = l.allow
	case len(l.deny) > 0:
		config["deny"] = l.deny
	default:
		return
	}
	l.add("ip_filter", config)
}
