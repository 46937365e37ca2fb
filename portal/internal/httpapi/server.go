package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tollgate/tollgate/portal/api"
	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/portal/internal/pace"
	"github.com/tollgate/tollgate/portal/internal/relay"
	"github.com/tollgate/tollgate/portal/internal/session"
	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/operator"
	"github.com/tollgate/tollgate/services/plan"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/release"
	"github.com/tollgate/tollgate/services/telemetry"
	"github.com/tollgate/tollgate/services/tenant"
	"github.com/tollgate/tollgate/services/usage"
	"github.com/tollgate/tollgate/services/webhook"
)

// Services are all that handlers call.
type Services struct {
	Tenants    *tenant.Service
	Plans      *plan.Service
	Audit      *audit.Service
	Gateways   *gateway.Service
	Consumers  *gateway.Consumers
	Keys       *apikey.Service
	Status     *publish.Status
	Usage      *usage.Service
	Developers *developer.Service
	Alerts     *alert.Service
	Telemetry  *telemetry.Service
	Webhooks   *webhook.Service
	Releases   *release.Watch
	Budgets    *budget.Service
	Billing    *billing.Service
	Hours      *billing.Ledger
	Operators  *operator.Service
}

// Config is what New needs.
type Config struct {
	Services
	// Policies is the catalogue of policy types.
	Policies []gen.PolicyType
	Clock    core.Clock
	Logger   *slog.Logger
	// PublicURL is where browsers reach the portal. With https the session
	// cookie is Secure and browsers are told to stay with it.
	PublicURL *url.URL
	// EdgePublicURL is where callers reach gateways: scheme, edge domain, port.
	EdgePublicURL *url.URL
	// Relay sends test requests; nil: there are none.
	Relay *relay.Relay
	// EchoURL is the echo backend that customers are offered; empty: none.
	EchoURL string
	// Mail says that mails are really sent.
	Mail bool
	// TrustedProxies may say in X-Forwarded-For who the client is.
	TrustedProxies []netip.Prefix
	// Observe is told of every answered operation: its id ("" for no operation),
	// its status and how long it took. Nil: nobody is.
	Observe func(operation string, status int, took time.Duration)
	// Providers are whom one can sign in with; nil: nobody.
	Providers *signin.Providers
	// TicketKey seals cookies of sign-ins that are under way.
	TicketKey [32]byte
	// Draining is closed when the portal begins to drain: streams end with it.
	Draining <-chan struct{}
}

// Server is the management API as an http.Handler. It is safe for concurrent use.
type Server struct {
	Services
	policies   []gen.PolicyType
	operations *authz.Operations
	sessions   *session.Manager
	tickets    *session.Tickets
	providers  *signin.Providers
	clock      core.Clock
	log        *slog.Logger
	csrf       *http.CrossOriginProtection
	secure     bool
	trusted    []netip.Prefix
	observe    func(operation string, status int, took time.Duration)
	draining   <-chan struct{}
	edge       *url.URL
	relay      *relay.Relay
	relayPace  *pace.Limiter
	testPace   *pace.Limiter // of telemetry destinations and webhooks
	pushPace   *pace.Limiter
	payPace    *pace.Limiter // of what the payment provider is asked
	echoURL    string
	mail       bool
	references references
	echo       *echo.Echo
}

// readOperations reads the document, which nobody changes, once for all servers.
var readOperations = sync.OnceValues(func() (*authz.Operations, error) { return authz.New(api.Document) })

// New makes the server. It fails when an operation of the document lacks its
// permission, scope or credentials, or when the program has no handler for it.
func New(cfg Config) (*Server, error) {
	operations, err := readOperations()
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	s := &Server{
		Services: cfg.Services, policies: cfg.Policies, operations: operations,
		clock: cfg.Clock, log: cfg.Logger, csrf: http.NewCrossOriginProtection(),
		secure: cfg.PublicURL.Scheme == "https", trusted: cfg.TrustedProxies, draining: cfg.Draining, observe: cfg.Observe, echo: echo.New(),
		edge: cfg.EdgePublicURL, relay: cfg.Relay, relayPace: pace.New(relayEvery, relayBurst, relayKeys, cfg.Clock),
		pushPace: pace.New(pushEvery, pushBurst, relayKeys, cfg.Clock), testPace: pace.New(testEvery, testBurst, testKeys, cfg.Clock),
		payPace: pace.New(payEvery, payBurst, payKeys, cfg.Clock),
		echoURL: cfg.EchoURL, mail: cfg.Mail,
	}
	if s.observe == nil {
		s.observe = func(string, int, time.Duration) {}
	}
	// Behind a proxy the Host may be an inner name: the public origin is ours too.
	if err := s.csrf.AddTrustedOrigin(cfg.PublicURL.Scheme + "://" + cfg.PublicURL.Host); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	s.sessions = session.New(cfg.Tenants, cfg.Clock, s.secure)
	s.tickets = session.NewTickets(cfg.TicketKey, cfg.Clock, s.secure)
	if s.providers = cfg.Providers; s.providers == nil {
		s.providers = &signin.Providers{}
	}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.handleError
	s.echo.Use(s.arrive)
	gen.RegisterHandlers(guarded{s.echo, s.guard}, gen.NewStrictHandler(s, nil))
	return s, s.checkRoutes()
}

// ServeHTTP answers one request of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Operations are the document's operations.
func (s *Server) Operations() *authz.Operations { return s.operations }

// Actor is who a request comes from, as far as its address tells: for the pages
// that change something without the API.
func (s *Server) Actor(r *http.Request) core.Actor {
	client, _ := clientAddress(r, s.trusted)
	return core.Actor{Kind: core.ActorUser, Client: client}
}

// Protect gives pages beside the API the same security headers and the same
// refusal of requests that a page of another origin made a browser send.
func (s *Server) Protect(next http.Handler) http.Handler {
	next = s.csrf.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		securityHeaders(w.Header(), s.secure)
		next.ServeHTTP(w, r)
	})
}

// checkRoutes holds the document and the program against each other.
func (s *Server) checkRoutes() error {
	served := map[*authz.Operation]bool{}
	var errs []error
	for _, r := range s.echo.Routes() {
		if op := s.operations.Find(r.Method, documentPath(r.Path)); op != nil {
			served[op] = true
		} else {
			errs = append(errs, fmt.Errorf("%s %s is served, but not in the document", r.Method, r.Path))
		}
	}
	for _, op := range s.operations.List() {
		if !served[op] {
			errs = append(errs, fmt.Errorf("%s is in the document, but not served", op.ID))
		}
	}
	return errors.Join(errs...)
}

// guarded registers every generated route behind guard: none can be left out.
type guarded struct {
	*echo.Echo
	guard echo.MiddlewareFunc
}

func (g guarded) add(method, path string, h echo.HandlerFunc, m []echo.MiddlewareFunc) *echo.Route {
	return g.Echo.Add(method, path, h, append([]echo.MiddlewareFunc{g.guard}, m...)...)
}

// The methods that generated code registers with.
func (g guarded) GET(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return g.add(http.MethodGet, p, h, m)
}

func (g guarded) POST(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return g.add(http.MethodPost, p, h, m)
}

func (g guarded) PUT(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return g.add(http.MethodPut, p, h, m)
}

func (g guarded) PATCH(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return g.add(http.MethodPatch, p, h, m)
}

func (g guarded) DELETE(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return g.add(http.MethodDelete, p, h, m)
}

var (
	_ gen.StrictServerInterface = (*Server)(nil)
	_ http.Handler              = (*Server)(nil)
)
