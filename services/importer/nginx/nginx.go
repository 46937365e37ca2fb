package nginx

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/importer"
)

// Import reads a configuration: its upstream blocks become upstreams where a location
// uses them, the locations of its server block routes. Errors are of the text as a
// whole (pointers below /document) and of the options (below /options).
func Import(text []byte, o importer.Options, present importer.Present) (*importer.Parts, *importer.Report, contract.FieldErrors) {
	var errs contract.FieldErrors
	for _, e := range o.Check() {
		errs.Add("/options"+e.Pointer, e.Detail)
	}
	if strings.Contains(o.Upstream, "://") {
		errs.Add("/options/upstream", "is the name of one of the gateway's upstreams")
	}
	all, err := parse(strings.TrimPrefix(string(text), "\ufeff"))
	if err != nil {
		errs.Add("/document", err.Error())
	}
	if len(errs) > 0 {
		return nil, nil, errs
	}
	w := &walker{
		o: o, present: present, report: &importer.Report{}, pools: map[string]*pool{}, made: map[string]string{}, names: map[string]bool{},
		parts: importer.Parts{RouteAt: map[string]importer.At{}, UpstreamAt: map[string]importer.At{}},
	}
	w.top(all)
	if s := w.choose(); s != nil {
		w.server(s)
	}
	w.unused()
	w.report.Sort()
	return &w.parts, w.report, nil
}

type walker struct {
	o       importer.Options
	present importer.Present
	report  *importer.Report
	parts   importer.Parts
	pools   map[string]*pool  // upstream blocks by name
	made    map[string]string // names of upstreams by scheme and pool
	names   map[string]bool   // of routes
	servers []*directive
	regexes bool // the server has a location by regular expression
}

func (w *walker) taken(d *directive, what string) {
	w.report.Add(importer.Row{Level: importer.Taken, Line: d.line, What: what})
}

func (w *walker) approximated(d *directive, why, advice string) {
	w.report.Add(importer.Row{Level: importer.Approximated, Line: d.line, What: short(d.String()), Why: why, Advice: advice})
}

func (w *walker) refused(d *directive, why, advice string) {
	w.report.Add(importer.Row{Level: importer.Refused, Line: d.line, What: short(d.String()), Why: why, Advice: advice})
}

func short(s string) string {
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + " …"
	}
	return s
}

// ofTheProcess are directives about nginx itself or about the connection, which the
// gateway looks after.
var ofTheProcess = []string{
	"user", "worker_processes", "worker_connections", "worker_rlimit_nofile", "pid", "error_log", "access_log", "log_format", "events", "sendfile", "tcp_nopush",
	"tcp_nodelay", "keepalive_timeout", "keepalive_requests", "types_hash_max_size", "server_tokens", "server_names_hash_bucket_size", "default_type", "charset",
	"log_not_found", "reset_timedout_connection", "send_timeout", "client_body_timeout", "client_header_timeout", "client_header_buffer_size",
	"large_client_header_buffers", "client_body_buffer_size", "proxy_buffering", "proxy_buffer_size", "proxy_buffers", "proxy_busy_buffers_size",
	"proxy_request_buffering", "proxy_max_temp_file_size", "proxy_temp_file_write_size", "proxy_headers_hash_max_size", "proxy_headers_hash_bucket_size", "http2", "http3", "merge_slashes",
	"ssl_protocols", "ssl_ciphers", "ssl_prefer_server_ciphers", "ssl_session_cache", "ssl_session_timeout", "ssl_session_tickets", "ssl_dhparam", "ssl_ecdh_curve", "ssl_stapling",
	"ssl_stapling_verify", "ssl_trusted_certificate", "resolver", "resolver_timeout", "proxy_socket_keepalive", "aio", "directio", "etag", "absolute_redirect", "port_in_redirect", "server_name_in_redirect",
	"proxy_http_version", "underscores_in_headers", "ignore_invalid_headers", "types",
}

func (w *walker) top(all []*directive) {
	for _, d := range all {
		switch {
		case d.name == "http" && d.open:
			w.top(d.block)
		case d.name == "upstream" && d.open:
			w.upstream(d)
		case d.name == "server" && d.open:
			w.servers = append(w.servers, d)
		case d.name == "include" && strings.HasSuffix(d.arg(0), "mime.types"):
			w.taken(d, d.String()+": backends say what their answers are")
		case d.name == "include":
			w.refused(d, "other files can't be read", "put what stands there in its place")
		case strings.HasPrefix(d.name, "gzip"):
			w.approximated(d, "compression is a policy", "give the routes the policy compress")
		case slices.Contains(ofTheProcess, d.name):
			w.approximated(d, "the gateway looks after it by itself", "")
		default:
			w.refused(d, "the directive is not known here", "take it out, or put it into the server block")
		}
	}
	if len(w.servers) > maxServers {
		w.refused(w.servers[maxServers], fmt.Sprintf("there are more than %d server blocks", maxServers), "import them one after the other")
		w.servers = w.servers[:maxServers]
	}
}

// choose picks the server block that is imported: the only one that does more than
// redirect to https, or the one that the option server names.
func (w *walker) choose() *directive {
	var all []*directive
	for _, s := range w.servers {
		named := w.o.Server != "" && slices.ContainsFunc(s.block, func(d *directive) bool {
			return d.name == "server_name" && slices.Contains(d.args, w.o.Server)
		})
		switch {
		case w.o.Server != "" && !named:
			w.approximated(s, "another server was chosen", "")
		case w.o.Server == "" && len(w.servers) > 1 && onlyRedirects(s):
			w.approximated(s, "it only redirects to https", "turn the redirection on for the gateway's domain")
		default:
			all = append(all, s)
		}
	}
	switch {
	case len(all) == 1:
		return all[0]
	case len(all) == 0:
		w.report.Add(importer.Row{Level: importer.Refused, Line: 1, What: "the configuration", Why: "it has no server block to import", Advice: "give one, or another name by the option server"})
	default:
		w.refused(all[1], "there is more than one server block", "choose one by the option server, with one of its names")
	}
	return nil
}

func onlyRedirects(s *directive) bool {
	redirects := false
	for _, d := range s.block {
		switch d.name {
		case "listen", "server_name", "access_log", "error_log":
		case "return":
			redirects = strings.HasPrefix(d.arg(1), "https://$")
		default:
			return false
		}
	}
	return redirects
}

// pool is an upstream block.
type pool struct {
	at       *directive
	upstream contract.Upstream // targets without a scheme
	used     bool
	bad      bool // it was refused
}

func (w *walker) upstream(d *directive) {
	name := d.arg(0)
	if err := core.CheckName(name); err != nil {
		w.refused(d, "its name can't be one of an upstream: it "+err.Error(), "give it another name")
		return
	}
	if w.pools[name] != nil {
		w.refused(d, "there is another upstream block of this name", "")
		return
	}
	p := &pool{at: d, upstream: contract.Upstream{Name: name}}
	w.pools[name] = p
	fails := map[string]bool{}
	for _, e := range d.block {
		before := w.report.Count(importer.Refused)
		w.inUpstream(p, e, fails)
		p.bad = p.bad || w.report.Count(importer.Refused) > before
	}
	if len(fails) > 1 {
		w.approximated(d, "its servers have different max_fails or fail_timeout: those of the last one hold for all", "")
	}
	if len(p.upstream.Targets) == 0 && !p.bad {
		w.refused(d, "it has no servers", "")
		p.bad = true
	}
}

func (w *walker) inUpstream(p *pool, d *directive, fails map[string]bool) {
	u := &p.upstream
	switch d.name {
	case "server":
		w.target(u, d, fails)
		return
	case "ip_hash":
		u.Algorithm = contract.IPHash
	case "least_conn":
		u.Algorithm = contract.LeastRequest
	case "least_time":
		u.Algorithm = contract.LeastTime
	case "random":
		u.Algorithm = contract.Random
		if d.arg(0) == "two" {
			u.Algorithm = contract.RandomOfTwo
		}
	case "hash":
		w.hash(u, d)
		return
	case "keepalive":
		n, err := strconv.Atoi(d.arg(0))
		if err != nil || n < 1 {
			w.refused(d, "is a number from 1", "")
			return
		}
		u.Keepalive = orNew(u.Keepalive)
		u.Keepalive.MaxIdle = n
	case "keepalive_timeout":
		t, ok := duration(d.arg(0))
		if !ok {
			w.refused(d, "is a time such as 60s", "")
			return
		}
		u.Keepalive = orNew(u.Keepalive)
		u.Keepalive.IdleTimeout = t
	case "zone", "keepalive_requests", "keepalive_time", "resolver", "resolver_timeout":
		w.approximated(d, "the gateway looks after it by itself", "")
		return
	default:
		w.refused(d, "the directive is not known in an upstream block", "set it up in the gateway's upstream after the import")
		return
	}
	w.taken(d, d.String())
}

func orNew[T any](v *T) *T {
	if v == nil {
		return new(T)
	}
	return v
}

// hash takes over the keys that consistent_hash has words for.
func (w *walker) hash(u *contract.Upstream, d *directive) {
	on := contract.HashOn{}
	switch key := d.arg(0); {
	case key == "$remote_addr" || key == "$binary_remote_addr":
		on.Source = "ip"
	case strings.HasPrefix(key, "$http_"):
		on.Source, on.Name = "header", strings.ReplaceAll(strings.TrimPrefix(key, "$http_"), "_", "-")
	case strings.HasPrefix(key, "$cookie_"):
		on.Source, on.Name = "cookie", strings.TrimPrefix(key, "$cookie_")
	case strings.HasPrefix(key, "$arg_"):
		on.Source, on.Name = "query", strings.TrimPrefix(key, "$arg_")
	default:
		w.refused(d, "the key "+key+" can't be hashed on", "hash on $remote_addr, $http_…, $cookie_… or $arg_…")
		return
	}
	u.Algorithm, u.HashOn = contract.ConsistentHash, &on
	if d.arg(1) != "consistent" {
		w.approximated(d, "the gateway's hash is consistent: callers come to other servers than before", "")
		return
	}
	w.taken(d, d.String())
}

// target is a server of an upstream block.
func (w *walker) target(u *contract.Upstream, d *directive, fails map[string]bool) {
	host := d.arg(0)
	if strings.HasPrefix(host, "unix:") || host == "" {
		w.refused(d, "a socket of this machine can't be reached", "give the server an address")
		return
	}
	t := contract.Target{URL: host}
	outlier := contract.OutlierDetection{ConsecutiveErrors: 1, BaseEjection: seconds(10)} // nginx's defaults
	said := false
	for _, a := range d.args[1:] {
		name, value, _ := strings.Cut(a, "=")
		n, err := strconv.Atoi(value)
		number := err == nil && n >= 0
		switch {
		case name == "weight" && number:
			t.Weight = &n
		case name == "max_conns" && number:
			t.MaxRequests = n
		case name == "max_fails" && number:
			said = true
			outlier.ConsecutiveErrors, outlier.Disabled = n, n == 0
		case name == "fail_timeout":
			v, ok := duration(value)
			if !ok {
				w.refused(d, "fail_timeout is a time such as 10s", "")
				return
			}
			said, outlier.BaseEjection = true, v
		case name == "slow_start":
			v, ok := duration(value)
			if !ok {
				w.refused(d, "slow_start is a time such as 30s", "")
				return
			}
			u.SlowStart = v
		case a == "backup":
			t.Backup = true
		case a == "down":
			zero := 0
			t.Weight = &zero
		case a == "resolve":
		default:
			w.refused(d, "the parameter "+a+" is not known", "")
			return
		}
	}
	if said {
		u.Outlier = &outlier
		fails[fmt.Sprint(outlier)] = true
	}
	u.Targets = append(u.Targets, t)
	w.taken(d, d.String()+" → a target of upstream "+u.Name)
}

func (w *walker) unused() {
	for _, name := range slices.Sorted(maps.Keys(w.pools)) {
		if p := w.pools[name]; !p.used && !p.bad {
			w.approximated(p.at, "no location that is imported uses it", "")
		}
	}
}
