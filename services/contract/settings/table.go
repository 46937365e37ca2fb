package settings

// Setting is one thing that an operator can set.
type Setting struct {
	Name    string // without TOLLGATE_: "EDGE_ADDR" is TOLLGATE_EDGE_ADDR and --edge-addr
	Default string
	Help    string
	Secret  bool // never printed
	Bool    bool // the flag needs no value
	// FlagOnly settings have no environment variable.
	FlagOnly bool
}

// Names of all settings.
const (
	RedisURL              = "REDIS_URL"
	DatabaseURL           = "DATABASE_URL"
	EdgeAddr              = "EDGE_ADDR"
	EdgeTLSAddr           = "EDGE_TLS_ADDR"
	EdgeHTTP3             = "EDGE_HTTP3"
	EdgeHTTP3Port         = "EDGE_HTTP3_PORT"
	EdgeAdminAddr         = "EDGE_ADMIN_ADDR"
	PortalAddr            = "PORTAL_ADDR"
	PortalAdminAddr       = "PORTAL_ADMIN_ADDR"
	WorkerAddr            = "WORKER_ADDR"
	StreamPorts           = "STREAM_PORTS"
	EdgeDomain            = "EDGE_DOMAIN"
	EdgePublicURL         = "EDGE_PUBLIC_URL"
	EdgeURL               = "EDGE_URL"
	EchoAddr              = "ECHO_ADDR"
	EchoURL               = "ECHO_URL"
	EdgeID                = "EDGE_ID"
	TrustedProxies        = "TRUSTED_PROXIES"
	CountryDatabase       = "COUNTRY_DATABASE"
	PublicURL             = "PUBLIC_URL"
	DataDir               = "DATA_DIR"
	SecretKey             = "SECRET_KEY"
	EdgeSecret            = "EDGE_SECRET"
	AllowPrivateUpstreams = "ALLOW_PRIVATE_UPSTREAMS"
	PlansFile             = "PLANS_FILE"
	DrainTimeout          = "DRAIN_TIMEOUT"
	DrainDelay            = "DRAIN_DELAY"
	TakeOver              = "TAKE_OVER"
	StripeKey             = "STRIPE_KEY"
	StripeWebhookSecret   = "STRIPE_WEBHOOK_SECRET"
	StripeURL             = "STRIPE_URL"
	StripeUsage           = "STRIPE_USAGE"
	SMTPURL               = "SMTP_URL"
	GitHubClientID        = "GITHUB_CLIENT_ID"
	GitHubClientSecret    = "GITHUB_CLIENT_SECRET"
	GitHubURL             = "GITHUB_URL"
	Operators             = "OPERATORS"
	DNSResolver           = "DNS_RESOLVER"
	ACMEDirectory         = "ACME_DIRECTORY"
	ACMEEmail             = "ACME_EMAIL"
	ACMERoot              = "ACME_ROOT"
	ACMEEABKeyID          = "ACME_EAB_KEY_ID"
	ACMEEABKey            = "ACME_EAB_KEY"
	ACMEDNSProvider       = "ACME_DNS_PROVIDER"
	ACMEDNSServer         = "ACME_DNS_SERVER"
	ACMEDNSTSIGName       = "ACME_DNS_TSIG_NAME"
	ACMEDNSTSIGAlgorithm  = "ACME_DNS_TSIG_ALGORITHM"
	ACMEDNSTSIGSecret     = "ACME_DNS_TSIG_SECRET"
	ACMEDNSURL            = "ACME_DNS_URL"
	ACMEDNSToken          = "ACME_DNS_TOKEN"
	MemoryLimit           = "MEMORY_LIMIT"
	CacheMemory           = "CACHE_MEMORY"
	CacheMemoryPerOrg     = "CACHE_MEMORY_PER_ORGANIZATION"
	MaxConnections        = "MAX_CONNECTIONS"
	MaxConnectionsPerIP   = "MAX_CONNECTIONS_PER_IP"
	MaxConnectionsPerOrg  = "MAX_CONNECTIONS_PER_ORG"
	MaxRequestsPerOrg     = "MAX_REQUESTS_PER_ORG"
	LogFormat             = "LOG_FORMAT"
	TraceSlow             = "TRACE_SLOW"
	APIURL                = "API_URL"
	APIToken              = "API_TOKEN"
	Config                = "CONFIG"
	Profile               = "PROFILE"
	Gateway               = "GATEWAY"
	Owner                 = "OWNER"
)

// table lists every setting in the order in which help shows it.
var table = []Setting{
	{Name: DataDir, Default: "./data", Help: "directory for what must outlive a restart"},
	{Name: RedisURL, Help: "redis://, rediss://, redis+sentinel:// or redis+cluster:// URL", Secret: true},
	{Name: DatabaseURL, Help: "postgres:// URL or sqlite:PATH", Secret: true},
	{Name: EdgeAddr, Default: ":8000", Help: "address of the edge for clear-text HTTP"},
	{Name: EdgeTLSAddr, Default: ":8443", Help: "address of the edge for TLS"},
	{Name: EdgeHTTP3, Default: "auto", Help: "HTTP/3 on the UDP port of EDGE_TLS_ADDR: auto (on where the port can be had), on (no start without it) or off"},
	{Name: EdgeHTTP3Port, Help: "UDP port under which clients reach HTTP/3, when it is published under another than its own"},
	{Name: EdgeAdminAddr, Default: "127.0.0.1:8001", Help: "address of the edge's health and metrics"},
	{Name: StreamPorts, Help: "ports of edges for TCP and UDP streams, such as 9000-9099; the same for portal, worker and edges. Without it there are none"},
	{Name: PortalAddr, Default: ":8080", Help: "address of the management API and the portal"},
	{Name: PortalAdminAddr, Default: "127.0.0.1:8082", Help: "address of the portal's health and metrics"},
	{Name: WorkerAddr, Default: "127.0.0.1:8081", Help: "address of the worker's health and metrics"},
	{Name: EdgeDomain, Default: "localhost", Help: "domain under which gateways answer: demo.localhost"},
	{Name: EdgePublicURL, Help: "scheme, edge domain and port under which callers reach gateways (default https:// and the edge domain)"},
	{Name: EdgeURL, Help: "URL at which the portal reaches an edge, for test requests; without it there are none"},
	{Name: EchoAddr, Help: "address of the echo backend that customers may point at; without it there is none"},
	{Name: EchoURL, Help: "URL at which edges reach the echo backend, as customers are offered it"},
	{Name: EdgeID, Help: "name of this edge; made and kept in the data directory when empty"},
	{Name: TrustedProxies, Help: "CIDRs, comma separated, whose X-Forwarded-* and PROXY protocol are believed"},
	{Name: CountryDatabase, Help: "file in the MaxMind DB format that tells edges in which country an address is; read again when it changes"},
	{Name: PublicURL, Help: "URL under which people reach the portal, for links in mails"},
	{Name: SecretKey, Help: "32 bytes in base64, the root of every secret (portal and worker only)", Secret: true},
	{Name: EdgeSecret, Help: "what edges verify and decrypt with; `tollgate secrets edge` prints it", Secret: true},
	{Name: AllowPrivateUpstreams, Default: "false", Help: "let upstreams have private and loopback addresses", Bool: true},
	{Name: PlansFile, Help: "JSON file of subscription plans instead of the built-in ones"},
	{Name: DrainTimeout, Default: "30s", Help: "how long open requests may take after SIGTERM"},
	{Name: DrainDelay, Help: "how long an edge accepts after SIGTERM, not ready already, so that balancers notice (default a tenth of the drain timeout, at most 3s)"},
	{Name: TakeOver, Default: "false", Bool: true, Help: "take the place of the edge that runs on the data directory, if there is one, without a pause"},
	{Name: MemoryLimit, Help: "memory that an edge may use, such as 2GiB (default: its control group's limit); GOMEMLIMIT wins"},
	{Name: CacheMemory, Help: "memory of an edge for stored responses, such as 512MiB (default: an eighth of what it may use, 128MiB where that is not known)"},
	{Name: CacheMemoryPerOrg, Help: "what one organization may have of it (default: a quarter)"},
	{Name: MaxConnections, Help: "connections of clients that an edge takes (default 100000, and never more than three quarters of the open files allowed)"},
	{Name: MaxConnectionsPerIP, Help: "connections of one client's address, a /64 with IPv6 (default 256); trusted proxies have no such bound"},
	{Name: MaxConnectionsPerOrg, Help: "connections of one organization's callers (default: half of those that the edge takes)"},
	{Name: MaxRequestsPerOrg, Help: "requests that one organization may have open on an edge (default 10000)"},
	{Name: SMTPURL, Help: "smtp:// or smtps:// URL for mail; without it mails go to the log", Secret: true},
	{Name: StripeKey, Help: "Stripe API key; without it there is no payment", Secret: true},
	{Name: StripeWebhookSecret, Help: "signing secret of the Stripe webhook endpoint; two, comma separated, while one takes the other's place", Secret: true},
	{Name: StripeURL, Help: "another base URL of the Stripe API, for tests"},
	{Name: StripeUsage, Default: "meters", Help: "how usage goes to Stripe: meters, or records on an old account that still takes usage records"},
	{Name: GitHubClientID, Help: "OAuth client for signing in with GitHub"},
	{Name: GitHubClientSecret, Help: "its secret", Secret: true},
	{Name: GitHubURL, Default: "https://github.com", Help: "an Enterprise Server of GitHub's instead"},
	{Name: Operators, Help: "e-mail addresses, comma separated, that may use the operator's console"},
	{Name: DNSResolver, Help: "host:port of the name server that is asked for the records of custom domains and, by edges, for the names of targets (default: the system's)"},
	{Name: ACMEDirectory, Help: "directory URL of the ACME authority that issues certificates of custom domains, such as https://acme-v02.api.letsencrypt.org/directory; without it there are none"},
	{Name: ACMEEmail, Help: "address that the ACME authority may write to"},
	{Name: ACMERoot, Help: "PEM file of the CA that the ACME directory's own certificate is verified with, instead of the system's"},
	{Name: ACMEEABKeyID, Help: "key id of the ACME external account binding, where the authority asks for one"},
	{Name: ACMEEABKey, Help: "its MAC key in base64url", Secret: true},
	{Name: ACMEDNSProvider, Help: "where the zone of EDGE_DOMAIN is kept, for a wildcard certificate of it: rfc2136, cloudflare or webhook; without it edges show a self-signed one there"},
	{Name: ACMEDNSServer, Help: "rfc2136: host:port of the zone's primary name server"},
	{Name: ACMEDNSTSIGName, Help: "rfc2136: name of the TSIG key that signs updates"},
	{Name: ACMEDNSTSIGAlgorithm, Help: "rfc2136: its algorithm: hmac-sha224, hmac-sha256 (the default), hmac-sha384 or hmac-sha512"},
	{Name: ACMEDNSTSIGSecret, Help: "rfc2136: its secret in base64", Secret: true},
	{Name: ACMEDNSURL, Help: "webhook: URL that /present and /cleanup are added to; cloudflare: another base of its API"},
	{Name: ACMEDNSToken, Help: "cloudflare: an API token; webhook: sent as Authorization: Bearer", Secret: true},
	{Name: LogFormat, Default: "json", Help: "json or text"},
	{Name: TraceSlow, Default: "2s", Help: "edges trace every request that took longer, where OTEL_EXPORTER_OTLP_ENDPOINT is set; 0s: none for that"},
	{Name: APIURL, Help: "the portal that the command line talks to"},
	{Name: APIToken, Help: "management token of the command line", Secret: true},
	{Name: Config, Help: "file that the command line keeps its profiles in"},
	{Name: Profile, Help: "profile that the command line uses"},
	{Name: Gateway, Help: "gateway that the command line is about"},
	{Name: Owner, Help: "whom the command line marks what it applies as managed by, such as git:shop"},
}

// All returns every known setting.
func All() []Setting { return append([]Setting(nil), table...) }

// lookup finds a setting by name.
func lookup(name string) (Setting, bool) {
	for _, s := range table {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}
