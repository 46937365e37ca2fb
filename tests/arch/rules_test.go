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

var rules = append(policyRules(), []rule{
	{
		room: "services/contract/...", may: []string{"std", "services/contract/..."},
		why: "both sides of Redis import it: anything it drags in would be dragged into both",
	},
	{
		room: "gateway-edge/policy", may: []string{"std", "services/contract", "services/contract/failpoint"}, never: []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why: "a policy is given nothing that can block or that belongs to one engine",
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
		room: "services/core", may: []string{"std", "services/contract", "services/contract/failpoint", "services/event", "lib:github.com/google/uuid"},
		why: "every domain imports core, so core imports none",
	},
	{
		room: "services/event", may: []string{"std", "services/contract"}, never: []string{"std:net", "std:net/http", "std:os"},
		why: "a table of what can be told, which every domain and core may name",
	},
	{room: "services/tenant", never: domainBans("tenant"), why: domainWhy},
	{room: "services/plan", never: domainBans("plan"), why: domainWhy},
	{room: "services/apikey", never: domainBans("apikey"), why: domainWhy},
	{room: "services/gateway", never: domainBans("gateway"), why: domainWhy},
	{room: "services/usage", never: domainBans("usage"), why: domainWhy},
	{room: "services/operator", never: domainBans("operator"), why: domainWhy},
	{room: "services/release", never: domainBans("release"), why: domainWhy},
	{room: "services/audit", never: domainBans("audit"), why: domainWhy},
	{room: "services/billing", never: domainBans("billing"), why: domainWhy},
	{room: "services/developer/...", never: domainBans("developer"), why: domainWhy},
	{
		room: "services/mailform", may: []string{"std"}, never: []string{"std:net", "std:net/http", "std:os", "std:time"},
		why: "a mail is written from what it has to say",
	},
	{
		room: "services/billing/notice", may: []string{"std", "services/mailform"}, never: []string{"std:net", "std:net/http", "std:os"},
		why: "a mail of billing is written from what happened; who gets it and when is billing's",
	},
	{
		room: "services/importer/...", may: []string{"std", "services/contract", "services/core", "services/openapi", "services/importer/...", "gateway-edge/match", "gateway-edge/policy/openapi", "gateway-edge/policy/document"},
		why: "an import is a pure function of a text, options and the gateway as it is",
	},
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
		room: "infra/tollgate/cli/...", except: []string{"infra/tollgate/cli/offline"},
		never: []string{"services", "services/core", "services/app", "services/publish/...", "services/gateway", "services/apikey", "services/tenant", "services/usage", "services/audit", "services/plan", "gateway-edge/...", "portal/portal", "portal/api", "migrations/...", "lib:github.com/redis/", "lib:gorm.io/"},
		why:   "the command line does what the API does, by the client; only offline checks run the publisher's code",
	},
	{
		room: "terraform/...", never: []string{"services", "services/...", "gateway-edge/...", "portal/internal/...", "portal/portal", "portal/api", "infra/...", "lib:github.com/redis/", "lib:gorm.io/"},
		why: "the provider does what the API does, by the client",
	},
	{
		room: "tests/...", never: []string{"gateway-edge/internal/...", "services/internal/...", "portal/internal/...", "infra/tollgate/..."},
		why: "tests use public surfaces and built binaries",
	},
}...)

const domainWhy = "a domain declares a one-method interface for what it needs of another; stores, Redis, Stripe and Echo are somebody else's"

// domainBans are all the other domains, and what no domain may know.
func domainBans(own string) []string {
	bans := []string{"services/internal/...", "services/app", "lib:gorm.io/", "lib:github.com/redis/", "lib:github.com/stripe/", "lib:github.com/labstack/"}
	for _, d := range []string{"tenant", "plan", "apikey", "gateway", "usage", "billing", "audit", "developer", "release", "operator"} {
		if d != own {
			bans = append(bans, "services/"+d)
		}
	}
	return bans
}
