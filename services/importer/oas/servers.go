package oas

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/importer"
)

// server is where an operation is served.
type server struct {
	upstream string // of the gateway, by name; else origin
	origin   string // scheme://host[:port]
}

// serverOf finds the server of an operation: its own, its path's, or the document's.
func (w *walker) serverOf(op *operation) base {
	out := base{gateway: w.o.Prefix}
	servers, at := list(w.root["servers"]), "/servers"
	if own := list(op.item["servers"]); own != nil {
		servers, at = own, contract.Pointer("paths", op.path, "servers")
	}
	if own := list(op.op["servers"]); own != nil {
		servers, at = own, op.at+"/servers"
	}
	i := w.chooseServer(op, servers, at)
	out.at = at
	path := ""
	if i >= 0 {
		out.at = at + contract.Pointer(i)
		address := serverURL(object(servers[i]))
		u, err := url.Parse(address)
		if err != nil {
			w.refuse(op, out.at, "the server's address can't be read", "")
			return out
		}
		if path, err = match.PathString(u.EscapedPath()); err != nil {
			w.refuse(op, out.at, "no request can have the path of the server's address: "+err.Error(), "")
			return out
		}
		path = strings.TrimSuffix(path, "/")
		if w.o.BasePath == "keep" {
			out.gateway += path
		}
		switch {
		case u.Host == "": // relative to where the document was found
		case u.Scheme != "http" && u.Scheme != "https" || u.User != nil:
			w.refuse(op, out.at, "the server's address begins with neither http:// nor https://, or holds a password", "name another by the option upstream")
			return out
		default:
			out.server = &server{origin: u.Scheme + "://" + u.Host}
		}
	}
	out.backend = path
	switch up := w.o.Upstream; {
	case strings.Contains(up, "://"):
		u, _ := url.Parse(up) // Options.Check has read it
		out.server, out.backend = &server{origin: u.Scheme + "://" + u.Host}, strings.TrimSuffix(u.Path, "/")
		if u.Path == "" {
			out.backend = path
		}
	case up != "":
		out.server = &server{upstream: up}
	}
	return out
}

// named reports whether the option server means a server.
func (w *walker) named(v any) bool {
	s := object(v)
	return str(s["url"]) == w.o.Server || serverURL(s) == w.o.Server || str(s["description"]) == w.o.Server
}

// knowsServer refuses the document where the option server means none of its servers.
func (w *walker) knowsServer(ops []*operation) {
	if w.o.Server == "" || w.exact != nil {
		return
	}
	all := slices.Clone(list(w.root["servers"]))
	for _, op := range ops {
		all = append(append(all, list(op.item["servers"])...), list(op.op["servers"])...)
	}
	if slices.ContainsFunc(all, w.named) {
		return
	}
	w.refused("/servers", "the servers", strconv.Quote(w.o.Server)+" is none of them", "name one by the option server: "+serverNames(all))
}

// serverNames lists servers as the option server can name them.
func serverNames(servers []any) string {
	var out []string
	for _, v := range servers {
		s := object(v)
		name := serverURL(s)
		if d := str(s["description"]); d != "" {
			name += " (" + d + ")"
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	switch {
	case len(out) == 0:
		return "the document has none"
	case len(out) > 10:
		return strings.Join(out[:10], ", ") + ", …"
	}
	return strings.Join(out, ", ")
}

// chooseServer picks one of several; -1: there is none.
func (w *walker) chooseServer(op *operation, servers []any, at string) int {
	if len(servers) == 0 {
		return -1
	}
	n := 0
	if w.o.Server != "" {
		n = slices.IndexFunc(servers, w.named)
		switch {
		case n < 0 && len(servers) > 1:
			w.refuse(op, at, "the option server means none of its servers", "they are "+serverNames(servers))
			n = 0
		case n < 0:
			n = 0
			w.approximated(at+contract.Pointer(n), op.title(), "it has one server of its own, which the option server does not mean", "")
		}
	}
	for i, v := range servers {
		key := "server " + at + strconv.Itoa(i)
		if i != n && w.pools[key] == "" && w.o.Upstream == "" {
			w.pools[key] = "told"
			w.approximated(at+contract.Pointer(i), "the server "+str(object(v)["url"]), "servers are places where the same API is served, not targets of one pool; another was taken",
				"choose it by the option server, or add it as a target")
		}
	}
	return n
}

// serverURL is a server's address with the defaults of its variables.
func serverURL(s map[string]any) string {
	out := str(s["url"])
	for name, v := range object(s["variables"]) {
		out = strings.ReplaceAll(out, "{"+name+"}", text(object(v)["default"]))
	}
	return out
}

// integration sends a route to its server, or answers with examples.
func (w *walker) integration(op *operation, b base) {
	if w.o.Mode == "mock" {
		w.mock(op)
		return
	}
	if b.server == nil {
		if !op.skip {
			w.refuse(op, op.at, "the document does not say where it is served: it has no server with a host", "name an upstream or an address by the option upstream, or answer with examples by mode: mock")
		}
		return
	}
	w.send(op, b.server, b.at)
	w.rewrite(op, b.gateway, b.backend)
}

// rewrite takes off what stands before the path in the gateway, and puts before it
// what the backend has.
func (w *walker) rewrite(op *operation, gateway, backend string) {
	if gateway == backend {
		return
	}
	config := map[string]any{}
	switch {
	case strings.HasSuffix(gateway, backend) && gateway != "":
		config["strip_prefix"] = strings.TrimSuffix(gateway, backend)
	default:
		if gateway != "" {
			config["strip_prefix"] = gateway
		}
		if backend != "" {
			config["add_prefix"] = backend
		}
	}
	op.add("rewrite", config)
}

// send sends a route to a server's upstream, which is made where the gateway has none.
func (w *walker) send(op *operation, s *server, at string) {
	if s.upstream != "" {
		op.route.Upstream = s.upstream
		w.mention(s.upstream)
		return
	}
	op.route.Upstream = w.pool(s.origin, contract.Upstream{Targets: []contract.Target{{URL: s.origin}}}, at)
}

// mention puts an upstream that the gateway has into the parts once, so that it stays.
func (w *walker) mention(name string) {
	if w.pools["name "+name] != "" {
		return
	}
	w.pools["name "+name] = name
	for _, up := range w.present.Upstreams {
		if up.Name == name {
			w.parts.Upstreams = append(w.parts.Upstreams, up)
		}
	}
}

// pool names the upstream of an origin: one that the gateway has, whatever else it has
// grown to since, else a new one.
func (w *walker) pool(origin string, u contract.Upstream, at string) string {
	if name := w.pools["origin "+origin]; name != "" {
		return name
	}
	scheme, host, _ := strings.Cut(origin, "://")
	name := slug(strings.ToLower(host))
	taken := map[string]bool{}
	for _, up := range w.parts.Upstreams {
		taken[up.Name] = true
	}
	for i := range w.present.Upstreams {
		up := &w.present.Upstreams[i]
		here := slices.ContainsFunc(up.Targets, func(t contract.Target) bool { return t.URL == origin })
		if here && (u.TLS == nil || up.TLS != nil && up.TLS.ServerName == u.TLS.ServerName) {
			w.pools["origin "+origin] = up.Name
			if !taken[up.Name] {
				w.parts.Upstreams = append(w.parts.Upstreams, *up)
			}
			w.taken(at, "the server "+origin+" → the gateway's upstream "+up.Name)
			return up.Name
		}
	}
	for i := range w.present.Upstreams {
		taken[w.present.Upstreams[i].Name] = true
	}
	if taken[name] {
		name = unused(name+"-"+scheme, taken)
	}
	if core.CheckName(name) != nil {
		name = unused("backend", taken)
	}
	w.pools["origin "+origin] = name
	u.Name = name
	w.parts.Upstreams = append(w.parts.Upstreams, u)
	w.parts.UpstreamAt[name] = importer.At{Pointer: w.origin(at), Line: w.line(at)}
	w.taken(at, "the server "+origin+" → upstream "+name)
	return name
}
