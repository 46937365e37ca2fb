package nginx_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/nginx"
)

// upstreamConf is the configuration of nginx's own introduction to load balancing.
const upstreamConf = `upstream backend {
    server backend1.example.com;
    server backend2.example.com;
}

server {
    listen 80;
    location / {
        proxy_pass http://backend;
    }
}
`

func in(location string) string {
	return "upstream b { server 10.0.0.1:81; }\nserver {\n" + location + "\n}\n"
}

// TestTaken holds directives to what becomes of them.
func TestTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"the introduction", upstreamConf, `[{"name":"root","match":{"path":"/*"},"upstream":"backend","public":true}][{"name":"backend","targets":[{"url":"http://backend1.example.com"},{"url":"http://backend2.example.com"}]}]`},
		{
			"an upstream", "upstream b { least_conn; keepalive 16; server a:81 weight=3 max_fails=2 fail_timeout=30s max_conns=9; server c backup; server d down; }\nserver { location / { proxy_pass https://b; } }",
			`[{"name":"b","algorithm":"least_request","targets":[{"url":"https://a:81","weight":3,"max_requests":9},{"url":"https://c","backup":true},{"url":"https://d","weight":0}],"outlier_detection":{"consecutive_errors":2,"base_ejection":"30s"},"keepalive":{"max_idle":16}}]`,
		},
		{"by address", "upstream b { ip_hash; server a; }\nserver { location / { proxy_pass http://b; } }", `"algorithm":"ip_hash"`},
		{"by a field", "upstream b { hash $http_x_user consistent; server a; }\nserver { location / { proxy_pass http://b; } }", `"algorithm":"consistent_hash","hash_on":{"source":"header","name":"x-user"}`},
		{"inside http", "events { worker_connections 10; }\nhttp {\n include mime.types;\n sendfile on;\n upstream b { server a; }\n server { server_name x.example.com; location / { proxy_pass http://b; } }\n}", `"upstream":"b"`},
		{"exactly", in("location = /a { proxy_pass http://b; }"), `"match":{"path":"/a"},"upstream":"b","public":true,"strict_slash":true`},
		{"a regular expression", in(`location ~ \.php$ { proxy_pass http://b; } location / { proxy_pass http://b; }`), `"match":{"path":"~.*(?:\\.php)"}`},
		{"a regular expression in any case", in(`location ~* ^/(a|b)/ { proxy_pass http://b; }`), `"match":{"path":"~(?i)(?:/(a|b)/).*"}`},
		{"first of all", in("location ^~ /i/ { proxy_pass http://b; } location ~ x { proxy_pass http://b; }"), `"match":{"path":"/i/*"},"upstream":"b","public":true,"priority":850`},
		{"another prefix", in("location /api/ { proxy_pass http://b/v2/; }"), `{"type":"rewrite","config":{"add_prefix":"/v2","strip_prefix":"/api"}}`},
		{"a prefix less", in("location /api/ { proxy_pass http://b/; }"), `{"type":"rewrite","config":{"strip_prefix":"/api"}}`},
		{"a rewrite", in("location /old/ { rewrite ^/old/(.*)$ /new/$1 break; proxy_pass http://b; }"), `{"type":"rewrite","config":{"add_prefix":"/new","strip_prefix":"/old"}}`},
		{"a backend without a block", in("location / { proxy_pass http://c.example.com:8080; }"), `{"name":"c.example.com-8080","targets":[{"url":"http://c.example.com:8080"}]}`},
		{
			"fields", in(`location / { proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; add_header X-A "b{c}" always; proxy_pass http://b; }`),
			`"policies":[{"type":"request_headers","config":{"set":{"X-Real-IP":"{client_ip}"}}},{"type":"response_headers","config":{"add":{"X-A":"b{{c}}"},"on_errors":true}}],"upstream":"b","public":true,"preserve_host":true`,
		},
		{"WebSockets", in(`location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_pass http://b; }`), `"websocket":{}`},
		{"a body's size", in("client_max_body_size 10m;\nlocation / { proxy_pass http://b; }"), `"max_body_bytes":10485760`},
		{"times", in("location / { proxy_connect_timeout 2s; proxy_read_timeout 1m30s; proxy_pass http://b; }"), `"timeouts":{"connect":"2s","per_try":"1m30s","total":"3m0s","idle":"1m30s"}`},
		{"a redirection", in("location /a { return 301 https://$host$request_uri; }"), `{"type":"redirect","config":{"keep_query":true,"location":"https://{host}{path}","status":301}}`},
		{"a text", in(`location /a { return 200 "ok"; }`), `{"type":"mock","config":{"body":"ok","content_type":"text/plain","status":200}}`},
		{"the whole server", "server { return 404; }", `{"type":"mock","config":{"status":404}}`},
		{"addresses", in("location / { allow 10.0.0.0/8; deny all; proxy_pass http://b; }"), `{"type":"ip_filter","config":{"allow":["10.0.0.0/8"]}}`},
		{"no addresses", in("deny 10.0.0.1;\nlocation / { proxy_pass http://b; }"), `{"type":"ip_filter","config":{"deny":["10.0.0.1"]}}`},
		{"two servers, one redirects", "server { listen 80; return 301 https://$host$request_uri; }\n" + in("location / { proxy_pass http://b; }"), `"upstream":"b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, report, errs := nginx.Import([]byte(c.text), importer.Options{}, importer.Present{})
			if len(errs) > 0 || report.Count(importer.Refused) > 0 {
				t.Fatalf("%v %+v", errs, report)
			}
			routes, err := json.Marshal(p.Routes)
			upstreams, err2 := json.Marshal(p.Upstreams)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if got := string(routes) + string(upstreams); !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestRefused: what can't be carried over stops the import, with its line.
func TestRefused(t *testing.T) {
	t.Parallel()
	pass := " proxy_pass http://b; }"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "# x\n", "is empty"},
		{"truncated", "server {\n location / {\n proxy_pass http://b;\n", "line 3: a block is not closed"},
		{"no end", "server {\n listen 80\n}", "line 2: the directive listen does not end"},
		{"a quotation", "server { return 200 \"x; }", "line 1: a quotation is not closed"},
		{"one too many", "server { }\n}", "line 2: a \"}\" closes nothing"},
		{"too deep", strings.Repeat("a {", 20), "nested deeper"},
		{"too large", strings.Repeat("x", nginx.MaxBytes+1), "at most 1048576"},
		{"too many words", strings.Repeat("a ", 200_000), "more than 100000 words"},
		{"a file", "include /etc/nginx/conf.d/*.conf;\n" + in("location / {"+pass), "line 1: include"},
		{"no server", "upstream b { server a; }", "no server block"},
		{"two servers", "server { location / { return 200; } }\nserver { location / { return 200; } }", "line 2: server: there is more than one"},
		{"unknown", in("location / {\nlua_code x;" + pass), "line 4: lua_code x: the directive is not known"},
		{"users", in("location / {\nauth_basic x;" + pass), "line 4: auth_basic x: the users' file can't be read"},
		{"users of all", in("auth_basic x;\nlocation / {" + pass), "line 3: auth_basic x"},
		{"users, off", in("auth_basic x;\nlocation / { auth_basic off;" + pass), "it opens a location"},
		{"an authoriser", in("location / { auth_request /auth;" + pass), "keeps callers out"},
		{"limits", in("limit_req zone=a;\nlocation / {" + pass), "line 3: limit_req zone=a: it keeps callers out"},
		{"client certificates", in("ssl_verify_client on;\nlocation / {" + pass), "keeps callers out"},
		{"inside only", in("location / { internal;" + pass), "keeps callers out"},
		{"addresses in another order", in("location / { allow 10.0.0.0/8; deny 10.0.0.1;" + pass), "behind an allowed one"},
		{"a condition", in("location / { if ($a) { return 200; }" + pass), "is not known"},
		{"a location inside", in("location / { location /a { } " + pass), "is not known"},
		{"files", in("location / { root /srv; }"), "files of the server"},
		{"a socket", "upstream b { server unix:/tmp/s; }\nserver { location / {" + pass + "}", "socket of this machine"},
		{"variables", in("location / { proxy_pass http://$host; }"), "variables, sockets and passwords"},
		{"a rewrite", in("location / { rewrite ^/(a|b)$ /c?x=$1 last;" + pass), "only one rewrite"},
		{"a header with a variable", in("location / { proxy_set_header X $ssl_client_s_dn;" + pass), "a variable that the gateway does not know"},
		{"a sticky upstream", "upstream b {\nsticky cookie x; server a; }\nserver { location / {" + pass + "}", "line 2: sticky cookie x"},
		{"no status", in("location / { return 444; }"), ""},
		{"a status", in("location / { return 99; }"), "no status"},
		{"braces", in("location /{a} {" + pass), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, report, errs := nginx.Import([]byte(c.text), importer.Options{}, importer.Present{})
			var b strings.Builder
			b.WriteString(errs.Error())
			refused := len(errs)
			if report != nil {
				for _, r := range report.Rows {
					if r.Level == importer.Refused {
						refused++
						b.WriteString("\nline " + strconv.Itoa(r.Line) + ": " + r.What + ": " + r.Why)
					}
				}
			}
			if c.want != "" && (refused == 0 || !strings.Contains(b.String(), c.want)) {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
		})
	}
}

// TestBasicByOption: the option schemes says who the users are.
func TestBasicByOption(t *testing.T) {
	t.Parallel()
	o := importer.Options{Schemes: map[string]contract.Policy{"auth_basic": {Type: "basic", Config: json.RawMessage(`{"users":{"a":{"secret":"s"}}}`)}}}
	p, report, errs := nginx.Import([]byte(in("auth_basic x;\nauth_basic_user_file /f;\nlocation / { proxy_pass http://b; }")), o, importer.Present{})
	if len(errs) > 0 || report.Count(importer.Refused) > 0 || len(p.Routes) != 1 || p.Routes[0].Public || p.Routes[0].Policies[0].Type != "basic" {
		t.Errorf("%v %+v %+v", errs, report, p)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(upstreamConf)
	f.Add(in(`location ~* \.(a|b)$ { proxy_set_header X "${host}"; proxy_pass http://b/x/; rewrite ^/a/(.*)$ /b/$1 break; }`))
	f.Fuzz(func(t *testing.T, text string) {
		p, report, errs := nginx.Import([]byte(text), importer.Options{Prefix: "/p"}, importer.Present{})
		if len(errs) > 0 {
			return
		}
		for _, r := range report.Rows {
			if r.Line < 1 {
				t.Errorf("no line: %+v", r)
			}
		}
		for _, r := range p.Routes {
			if !r.Public || r.Match.Path == "" || r.Name == "" {
				t.Errorf("a route that says too little: %+v", r)
			}
		}
	})
}
