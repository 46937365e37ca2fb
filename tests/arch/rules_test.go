package arch

// rule says what the packages of one room may import, directly and outside of
// their tests. Patterns: "x/..." is x and all below it, "x/*" is the children of x;
// "std" is the standard library, "lib:" another module's path or its beginning.
type rule struct {
	room   string
	except []string // packages that another rule covers
	may    []string // empty: everything but never
	never  []string
	why    string
}

var rules = []rule{
	{
		room: "services/contract/...", may: []string{"std", "services/contract/..."},
		why: "both sides of Redis import it: anything it drags in would be dragged into both",
	},
	{
		room: "gateway-edge/policy", may: []string{"std", "services/contract"}, never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why: "a policy is given nothing that can block or that belongs to one engine",
	},
	{
		room: "gateway-edge/policy/*", except: []string{"gateway-edge/policy/sql", "gateway-edge/policy/lambda", "gateway-edge/policy/builtin", "gateway-edge/policy/policytest", "gateway-edge/policy/compose", "gateway-edge/policy/jwt", "gateway-edge/policy/provider", "gateway-edge/policy/oidclogin", "gateway-edge/policy/expression", "gateway-edge/policy/protodesc", "gateway-edge/policy/grpctranscode", "gateway-edge/policy/jq", "gateway-edge/policy/connect", "gateway-edge/policy/jsonschema", "gateway-edge/policy/graphql", "gateway-edge/policy/basic", "gateway-edge/policy/coding", "gateway-edge/policy/compress", "gateway-edge/policy/waf", "gateway-edge/policy/graphqllimits"},
		may:   append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "a policy knows the SDK only: neither another policy nor Redis nor a socket",
	},
	{
		room: "gateway-edge/policy/jwt", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:github.com/coreos/go-oidc"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "package provider verifies; its network goes only through Fetch",
	},
	{
		room: "gateway-edge/policy/provider", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/coreos/go-oidc", "lib:github.com/go-jose/go-jose"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "go-oidc verifies; its network goes only through Fetch",
	},
	{
		room: "gateway-edge/policy/oidclogin", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:golang.org/x/crypto"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "sessions are sealed by a library; the provider is asked through Fetch",
	},
	{
		room: "gateway-edge/policy/jsonschema", may: append([]string{"std", "services/contract", "lib:github.com/santhosh-tekuri/jsonschema", "lib:golang.org/x/text"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "schemas of tenants reach nothing that is not part of them",
	},
	{
		room: "gateway-edge/policy/compress", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/klauspost/compress", "lib:github.com/andybalholm/brotli"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "encoders are given bytes",
	},
	{
		room: "gateway-edge/policy/coding", may: []string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/klauspost/compress", "lib:github.com/andybalholm/brotli"},
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "decoders are given bytes",
	},
	{
		room: "gateway-edge/policy/jq", may: append([]string{"std", "services/contract", "lib:github.com/itchyny/gojq"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "programs of tenants reach their input and nothing else",
	},
	{
		room: "gateway-edge/policy/basic", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:golang.org/x/crypto"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "passwords are compared with argon2id and bcrypt hashes",
	},
	{
		room: "gateway-edge/policy/waf", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/corazawaf/", "lib:github.com/tidwall/gjson"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "the rules are Coraza's; they read the exchange and nothing else",
	},
	{
		room: "gateway-edge/policy/graphqllimits", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/vektah/gqlparser"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "documents are parsed by gqlparser and judged without a schema",
	},
	{
		room: "gateway-edge/policy/sql", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/jackc/pgx"}, sharedByPolicies...),
		never: []string{"std:net/http", "std:os", "std:database/sql"},
		why:   "pgx speaks to the database; its connections come only from Dial",
	},
	{
		room: "gateway-edge/policy/lambda", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:github.com/aws/"}, sharedByPolicies...),
		never: []string{"std:os", "std:database/sql"},
		why:   "the SDK signs and encodes; its connections come only from Dial",
	},
	{
		room: "gateway-edge/policy/expression", may: append([]string{"std", "services/contract", "gateway-edge/policy", "lib:cel.dev/cel-go"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "expressions are CEL's; they read the exchange and nothing else",
	},
	{
		room: "gateway-edge/policy/protodesc", may: []string{"std", "lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis", "lib:github.com/bufbuild/protocompile"},
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "schemas come from a configuration, never from a disk or a network",
	},
	{
		room: "gateway-edge/policy/grpctranscode", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "it speaks Protocol Buffers; the engine speaks to the backend",
	},
	{
		room: "gateway-edge/policy/connect", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "it speaks Protocol Buffers; the engine speaks to the backend",
	},
	{
		room: "gateway-edge/policy/graphql", may: append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match", "lib:github.com/vektah/gqlparser"}, sharedByPolicies...),
		never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:   "operations are parsed when a configuration is compiled",
	},
	{
		room: "gateway-edge/internal/route", may: []string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match"}, never: []string{"std:net", "std:net/http", "std:time"},
		why: "routing reads a request and an immutable table: neither sockets nor the clock",
	},
	{
		room: "gateway-edge/internal/gate", may: []string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match"}, never: []string{"std:net/http", "std:time"},
		why: "the gate judges bytes",
	},
	{
		room: "gateway-edge/internal/balance/...", never: []string{"lib:github.com/redis/", "std:net/http"},
		why: "choosing a target reads memory only",
	},
	{
		room: "gateway-edge/internal/snapshot/...", never: []string{"lib:github.com/redis/", "std:net/http"},
		why: "a snapshot is compiled from bytes; fetching them is confsync's",
	},
	{
		room: "gateway-edge/internal/limit/...", never: []string{"gateway-edge/internal/engine", "gateway-edge/internal/keystore/...", "gateway-edge/internal/confsync/..."},
		why: "limits know cells and Redis, not who spends them",
	},
	{
		room: "gateway-edge/internal/keystore/...", never: []string{"gateway-edge/internal/engine", "gateway-edge/internal/limit/...", "gateway-edge/internal/confsync/..."},
		why: "keys know records and Redis, not requests",
	},
	{
		room: "gateway-edge/internal/collector", may: []string{"std"}, never: []string{"std:net", "std:net/http"},
		why: "the collector's setting is the process's: nothing of requests decides it",
	},
	{
		room: "gateway-edge/internal/shed", may: []string{"std"}, never: []string{"std:net", "std:net/http"},
		why: "who is let in is decided from counters, knowing neither HTTP nor sockets",
	},
	{
		room: "gateway-edge/internal/l4", never: []string{"gateway-edge/internal/engine", "gateway-edge/internal/listen", "gateway-edge/internal/confsync/...", "lib:github.com/redis/", "std:net/http"},
		why: "streams carry bytes: nothing of HTTP, and no waiting for the control plane",
	},
	{
		room: "gateway-edge/internal/proxyproto", may: []string{"std"},
		why: "a header is bytes; who may send one is the listener's to know",
	},
	{
		room: "gateway-edge/internal/engine/...", never: []string{"gateway-edge/internal/confsync/...", "lib:github.com/redis/"},
		why: "a request never waits for the control plane",
	},
	{
		room: "gateway-edge/...", except: []string{"gateway-edge/internal/listen"}, never: []string{"lib:github.com/quic-go/", "lib:github.com/caddyserver/"},
		why: "what speaks QUIC or ACME ends at the listener: everybody else sees requests",
	},
	{
		room: "gateway-edge/...", never: []string{"services", "services/core", "services/app", "services/publish", "services/gateway", "services/apikey", "services/tenant", "services/usage", "services/audit", "services/plan", "services/internal/...", "portal/...", "infra/...", "migrations/...", "lib:gorm.io/", "lib:github.com/stripe/", "lib:github.com/labstack/"},
		why: "the data plane runs with everything of the control plane gone",
	},
	{
		room: "services/core", may: []string{"std", "services/contract", "lib:github.com/google/uuid"},
		why: "every domain imports core, so core imports none",
	},
	{room: "services/tenant", never: domainBans("tenant"), why: domainWhy},
	{room: "services/plan", never: domainBans("plan"), why: domainWhy},
	{room: "services/apikey", never: domainBans("apikey"), why: domainWhy},
	{room: "services/gateway", never: domainBans("gateway"), why: domainWhy},
	{room: "services/usage", never: domainBans("usage"), why: domainWhy},
	{room: "services/release", never: domainBans("release"), why: domainWhy},
	{room: "services/audit", never: domainBans("audit"), why: domainWhy},
	{room: "services/developer/...", never: domainBans("developer"), why: domainWhy},
	{
		room: "services/publish/...", never: []string{"portal/...", "gateway-edge/internal/...", "gateway-edge/edge", "lib:gorm.io/", "lib:github.com/labstack/"},
		why: "what compiles a snapshot is what runs it, and nothing else of the edge",
	},
	{
		room: "services/...", never: []string{"portal/...", "infra/...", "lib:github.com/labstack/", "gateway-edge/edge", "gateway-edge/internal/..."},
		why: "the domain knows neither its faces nor the data plane's inside",
	},
	{
		room: "portal/client/...", never: []string{"services", "services/...", "gateway-edge/...", "portal/internal/...", "portal/portal"},
		why: "the client is what a stranger would write from openapi.yaml",
	},
	{
		room: "portal/internal/httpapi/...", never: []string{"services/internal/...", "lib:gorm.io/", "lib:github.com/redis/"},
		why: "handlers translate; rows and Redis belong to the services",
	},
	{
		room: "portal/...", never: []string{"gateway-edge/internal/...", "gateway-edge/edge", "infra/..."},
		why: "the portal never runs the data plane",
	},
	{
		room: "infra/tollgate/...", never: []string{"gateway-edge/internal/...", "services/internal/...", "portal/internal/..."},
		why: "the one binary only joins what is public",
	},
	{
		room: "terraform/...", never: []string{"services", "services/...", "gateway-edge/...", "portal/internal/...", "portal/portal", "portal/api", "infra/...", "lib:github.com/redis/", "lib:gorm.io/"},
		why: "the provider does what the API does, by the client",
	},
	{
		room: "tests/...", never: []string{"gateway-edge/internal/...", "services/internal/...", "portal/internal/...", "infra/tollgate/..."},
		why: "tests use public surfaces and built binaries",
	},
}

// sharedByPolicies are parts of the SDK that stand beside it, not policies: query
// strings, templates of a fixed set of variables, edits of header fields, how a
// limit is spent, looks into claims, lists of addresses, conditions in CEL, what is
// remembered of credentials and callers, calls that many wait for, and checks of
// what services a policy asks; scanners of bodies, and what undoes their encoding.
var sharedByPolicies = []string{"gateway-edge/policy/query", "gateway-edge/policy/template", "gateway-edge/policy/fieldedit", "gateway-edge/policy/spend", "gateway-edge/policy/claim", "gateway-edge/policy/iprange", "gateway-edge/policy/expression", "gateway-edge/policy/memo", "gateway-edge/policy/caller", "gateway-edge/policy/flight", "gateway-edge/policy/endpoint", "gateway-edge/policy/scan", "gateway-edge/policy/coding", "gateway-edge/policy/grant", "gateway-edge/policy/throttle", "gateway-edge/policy/turn", "gateway-edge/policy/protodesc", "gateway-edge/policy/grpcwire", "gateway-edge/policy/target", "gateway-edge/policy/document", "gateway-edge/policy/jq", "gateway-edge/policy/jsonschema", "gateway-edge/policy/validation", "gateway-edge/policy/openapi", "gateway-edge/policy/quality", "gateway-edge/policy/reshape", "gateway-edge/policy/provider"}

const domainWhy = "a domain declares a one-method interface for what it needs of another; stores, Redis, Stripe and Echo are somebody else's"

// domainBans are all the other domains, and what no domain may know.
func domainBans(own string) []string {
	bans := []string{"services/internal/...", "services/app", "lib:gorm.io/", "lib:github.com/redis/", "lib:github.com/stripe/", "lib:github.com/labstack/"}
	for _, d := range []string{"tenant", "plan", "apikey", "gateway", "usage", "billing", "audit", "developer", "release"} {
		if d != own {
			bans = append(bans, "services/"+d)
		}
	}
	return bans
}
