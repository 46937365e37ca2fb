package arch

// sharedByPolicies are parts of the SDK that stand beside it, not policies: every
// policy may import them.
var sharedByPolicies = []string{
	"gateway-edge/policy/caller",
	"gateway-edge/policy/claim",
	"gateway-edge/policy/coding",
	"gateway-edge/policy/document",
	"gateway-edge/policy/endpoint",
	"gateway-edge/policy/expression",
	"gateway-edge/policy/fieldedit",
	"gateway-edge/policy/flight",
	"gateway-edge/policy/grant",
	"gateway-edge/policy/grpcwire",
	"gateway-edge/policy/iprange",
	"gateway-edge/policy/jq",
	"gateway-edge/policy/jsonschema",
	"gateway-edge/policy/memo",
	"gateway-edge/policy/openapi",
	"gateway-edge/policy/protodesc",
	"gateway-edge/policy/provider",
	"gateway-edge/policy/quality",
	"gateway-edge/policy/query",
	"gateway-edge/policy/reshape",
	"gateway-edge/policy/scan",
	"gateway-edge/policy/spend",
	"gateway-edge/policy/target",
	"gateway-edge/policy/template",
	"gateway-edge/policy/throttle",
	"gateway-edge/policy/turn",
	"gateway-edge/policy/validation",
}

// ownRooms are the folders of gateway-edge/policy with a rule of their own, mostly
// because a library does their work.
var ownRooms = []struct {
	name string
	libs []string
	net  string // "std:net", "std:net/http" (both of them): what it names types of; "": neither
	why  string
}{
	{"jwt", []string{"lib:github.com/coreos/go-oidc"}, "", "package provider verifies; its network goes only through Fetch"},
	{"provider", []string{"lib:github.com/coreos/go-oidc", "lib:github.com/go-jose/go-jose"}, "", "go-oidc verifies; its network goes only through Fetch"},
	{"oidclogin", []string{"lib:golang.org/x/crypto"}, "", "sessions are sealed by a library; the provider is asked through Fetch"},
	{"jsonschema", []string{"lib:github.com/santhosh-tekuri/jsonschema", "lib:golang.org/x/text"}, "", "schemas of tenants reach nothing that is not part of them"},
	{"compress", []string{"lib:github.com/klauspost/compress", "lib:github.com/andybalholm/brotli"}, "", "encoders are given bytes"},
	{"coding", []string{"lib:github.com/klauspost/compress", "lib:github.com/andybalholm/brotli"}, "", "decoders are given bytes"},
	{"jq", []string{"lib:github.com/itchyny/gojq"}, "", "programs of tenants reach their input and nothing else"},
	{"basic", []string{"lib:golang.org/x/crypto"}, "", "passwords are compared with argon2id and bcrypt hashes"},
	{"waf", []string{"lib:github.com/corazawaf/", "lib:github.com/tidwall/gjson"}, "", "the rules are Coraza's; they read the exchange and nothing else"},
	{"graphqllimits", []string{"lib:github.com/vektah/gqlparser"}, "", "documents are parsed by gqlparser and judged without a schema"},
	{"sql", []string{"lib:github.com/jackc/pgx"}, "std:net", "pgx speaks to the database; its connections come only from Dial"},
	{"lambda", []string{"lib:github.com/aws/"}, "std:net/http", "the SDK signs and encodes; its connections come only from Dial"},
	{"expression", []string{"lib:cel.dev/cel-go"}, "", "expressions are CEL's; they read the exchange and nothing else"},
	{"protodesc", []string{"lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis", "lib:github.com/bufbuild/protocompile"}, "", "schemas come from a configuration, never from a disk or a network"},
	{"grpctranscode", []string{"lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis"}, "", "it speaks Protocol Buffers; the engine speaks to the backend"},
	{"connect", []string{"lib:google.golang.org/protobuf", "lib:google.golang.org/genproto/googleapis"}, "", "it speaks Protocol Buffers; the engine speaks to the backend"},
	{"graphql", []string{"lib:github.com/vektah/gqlparser"}, "", "operations are parsed when a configuration is compiled"},
}

// policyRules are the rules of gateway-edge/policy's folders: the general one, which
// covers what has none of its own, behind those of ownRooms.
func policyRules() []rule {
	sdk := append([]string{"std", "services/contract", "gateway-edge/policy", "gateway-edge/match"}, sharedByPolicies...)
	general := rule{
		room: "gateway-edge/policy/*", may: sdk,
		except: []string{"gateway-edge/policy/builtin", "gateway-edge/policy/policytest", "gateway-edge/policy/compose"},
		never:  []string{"std:net", "std:net/http", "std:os", "std:database/sql"},
		why:    "a policy knows the SDK only: neither another policy nor Redis nor a socket",
	}
	var out []rule
	for _, r := range ownRooms {
		room := "gateway-edge/policy/" + r.name
		own := rule{room: room, may: append(append([]string{}, sdk...), r.libs...), never: []string{"std:os", "std:database/sql"}, why: r.why}
		switch r.net {
		case "":
			own.never = append(own.never, "std:net", "std:net/http")
		case "std:net":
			own.never = append(own.never, "std:net/http")
		}
		out = append(out, own)
		general.except = append(general.except, room)
	}
	return append(out, general)
}
