package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// Config is what an edge needs.
type Config struct {
	DataDir  string
	EdgeID   string // "": kept or made in the data directory
	Keys     *contract.EdgeKeys
	RedisURL string
	// Addr serves clear-text HTTP, TLSAddr TLS, AdminAddr health and metrics. An
	// empty TLSAddr serves no TLS.
	Addr, TLSAddr, AdminAddr string
	// HTTP3 is "off", "on" (no start without its UDP port, that of TLSAddr) or "auto".
	// HTTP3Port is the port that clients reach it at, if not that one; 0: it is.
	HTTP3          string
	HTTP3Port      int
	Domain         string // under which gateways have their host names
	TrustedProxies []netip.Prefix
	// FirstStreamPort and LastStreamPort are the range that TCP and UDP streams may
	// be in, at the host of Addr; 0: there are none.
	FirstStreamPort, LastStreamPort int
	// AllowPrivate lets upstreams have private and loopback addresses. OwnAddrs
	// are addresses of Tollgate's other processes, which stay refused.
	AllowPrivate bool
	OwnAddrs     []netip.AddrPort
	// DrainTimeout bounds how long open requests may take after the context ends;
	// DrainDelay is how long new ones are accepted before that. Zero DrainDelay is
	// a tenth of DrainTimeout, at most 3 s; negative is none.
	DrainTimeout, DrainDelay time.Duration
	// ConfirmTimeout bounds how long the end waits for the database to have all
	// usage; 0 is 10 s. Negative does not wait: for an edge whose disk stays, which
	// sends what is left at its next start.
	ConfirmTimeout time.Duration
	// NameServer, host:port, resolves the names of targets and of what policies
	// fetch; empty: the system's servers do.
	NameServer string
	// CountryDatabase is a file in the MaxMind DB format that tells where addresses
	// are; "": nobody can tell.
	CountryDatabase string
	// TakeOver takes the place of the edge that runs on DataDir, if there is one.
	// Upgrades lets another edge do so with this one; Successor is the command line
	// that SIGUSR2 starts for it, nil for none.
	TakeOver, Upgrades bool
	Successor          []string
	// MemoryLimit is what the process may use, in bytes; 0: that of its control group.
	MemoryLimit int64
	// CacheMemory bounds the response cache, CachePerOrganization what one
	// organization has of it, in bytes; 0: a share of the memory there is.
	CacheMemory, CachePerOrganization int64
	// MaxConns bounds the clients' connections; 0 is 100,000, and never more than
	// three quarters of the files that the process may open. MaxConnsPerIP bounds
	// those of one address that is no trusted proxy, 0 is 256. MaxConnsPerOrg and
	// MaxOpenPerOrg bound an organization's connections, 0 is half of MaxConns, and
	// its requests under way, 0 is 10,000.
	MaxConns, MaxConnsPerIP, MaxConnsPerOrg, MaxOpenPerOrg int
	// AccessLog has each access record written to standard output too.
	AccessLog bool
	// Telemetry is where the operator has traces and metrics sent; nil: nowhere.
	Telemetry *otlp.Operator
	Version   string // of the program
	Logger    *slog.Logger
}

// What Config.HTTP3 may be.
const (
	HTTP3Auto = "auto"
	HTTP3On   = "on"
	HTTP3Off  = "off"
)

// Settings are the names of the settings that an edge reads.
var Settings = []string{
	settings.DataDir, settings.RedisURL, settings.EdgeSecret, settings.EdgeAddr, settings.EdgeTLSAddr,
	settings.EdgeHTTP3, settings.EdgeHTTP3Port, settings.EdgeAdminAddr, settings.EdgeDomain, settings.EdgeID, settings.TrustedProxies,
	settings.AllowPrivateUpstreams, settings.DrainTimeout, settings.DrainDelay, settings.LogFormat,
	settings.StreamPorts, settings.DNSResolver, settings.CountryDatabase, settings.MemoryLimit, settings.CacheMemory, settings.CacheMemoryPerOrg, settings.MaxConnections, settings.MaxConnectionsPerIP,
	settings.MaxConnectionsPerOrg, settings.MaxRequestsPerOrg, settings.TraceSlow,
}

// CommandSettings are those of an edge that is a process of its own: it can be
// replaced without a pause.
var CommandSettings = append(append([]string(nil), Settings...), settings.TakeOver)

// FromSettings turns settings into a Config. Every mistake is reported at once.
func FromSettings(v *settings.Values, log *slog.Logger) (Config, error) {
	c := Config{
		DataDir: v.String(settings.DataDir), EdgeID: v.String(settings.EdgeID), RedisURL: v.String(settings.RedisURL),
		Addr: v.String(settings.EdgeAddr), TLSAddr: v.String(settings.EdgeTLSAddr), AdminAddr: v.String(settings.EdgeAdminAddr),
		CountryDatabase: v.String(settings.CountryDatabase),
		Logger:          log,
	}
	errs := []error{v.Require(settings.DataDir, settings.RedisURL, settings.EdgeSecret, settings.EdgeAddr, settings.EdgeAdminAddr, settings.EdgeDomain)}
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	if text := v.String(settings.EdgeSecret); text != "" {
		c.Keys, err = contract.ParseEdgeSecret(text)
		note(err)
	}
	if text := v.String(settings.EdgeDomain); text != "" {
		if c.Domain, _, err = match.HostString(text); err != nil {
			note(fmt.Errorf("TOLLGATE_%s: %w", settings.EdgeDomain, err))
		}
	}
	note(c.setHTTP3(v))
	c.AllowPrivate, err = v.Bool(settings.AllowPrivateUpstreams)
	note(err)
	c.DrainTimeout, err = v.Duration(settings.DrainTimeout)
	note(err)
	if c.NameServer = v.String(settings.DNSResolver); c.NameServer != "" {
		if _, port, err := net.SplitHostPort(c.NameServer); err != nil || port == "" {
			note(fmt.Errorf("TOLLGATE_%s must be host:port of a name server, such as 1.1.1.1:53, not %q", settings.DNSResolver, c.NameServer))
		}
	}
	if v.String(settings.DrainDelay) != "" {
		if c.DrainDelay, err = v.Duration(settings.DrainDelay); c.DrainDelay == 0 {
			c.DrainDelay = -1
		}
		note(err)
	}
	if v.Given(settings.TakeOver) {
		c.TakeOver, err = v.Bool(settings.TakeOver)
		note(err)
	}
	for name, to := range map[string]*int64{
		settings.MemoryLimit: &c.MemoryLimit, settings.CacheMemory: &c.CacheMemory, settings.CacheMemoryPerOrg: &c.CachePerOrganization,
	} {
		if text := v.String(name); text != "" {
			if *to, err = shed.ParseBytes(text); err != nil {
				note(fmt.Errorf("TOLLGATE_%s is %q: %w", name, text, err))
			}
		}
	}
	for name, to := range map[string]*int{
		settings.MaxConnections: &c.MaxConns, settings.MaxConnectionsPerIP: &c.MaxConnsPerIP,
		settings.MaxConnectionsPerOrg: &c.MaxConnsPerOrg, settings.MaxRequestsPerOrg: &c.MaxOpenPerOrg,
	} {
		*to, err = v.Count(name)
		note(err)
	}
	c.Telemetry, err = otlp.FromEnv(v.Environment, "tollgate-edge")
	note(err)
	if c.Telemetry != nil {
		slow, err := v.Duration(settings.TraceSlow)
		note(err)
		c.Telemetry.Tracing.Slow = contract.Duration(slow)
	}
	c.FirstStreamPort, c.LastStreamPort, err = v.Ports(settings.StreamPorts)
	note(err)
	for _, text := range v.List(settings.TrustedProxies) {
		p, err := parsePrefix(text)
		if err != nil {
			note(fmt.Errorf("TOLLGATE_%s: %q is neither a CIDR nor an address", settings.TrustedProxies, text))
			continue
		}
		c.TrustedProxies = append(c.TrustedProxies, p)
	}
	return c, errors.Join(errs...)
}

// setHTTP3 reads the settings of HTTP/3.
func (c *Config) setHTTP3(v *settings.Values) error {
	var errs []error
	switch c.HTTP3 = v.String(settings.EdgeHTTP3); c.HTTP3 {
	case HTTP3Auto, HTTP3Off:
	case HTTP3On:
		if c.TLSAddr == "" {
			errs = append(errs, fmt.Errorf("TOLLGATE_%s is on, but TOLLGATE_%s is empty: HTTP/3 is always TLS", settings.EdgeHTTP3, settings.EdgeTLSAddr))
		}
	default:
		errs = append(errs, fmt.Errorf("TOLLGATE_%s is %q, want %s, %s or %s", settings.EdgeHTTP3, c.HTTP3, HTTP3Auto, HTTP3On, HTTP3Off))
	}
	if text := v.String(settings.EdgeHTTP3Port); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			errs = append(errs, fmt.Errorf("TOLLGATE_%s is %q, want a port", settings.EdgeHTTP3Port, text))
		}
		c.HTTP3Port = int(n)
	}
	return errors.Join(errs...)
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// drainDelay is how long new requests are accepted after the drain began.
func (c *Config) drainDelay() time.Duration {
	switch {
	case c.DrainDelay < 0:
		return 0
	case c.DrainDelay > 0:
		return c.DrainDelay
	}
	return min(c.DrainTimeout/10, 3*time.Second)
}

// confirmTimeout is how long the end waits for usage to be confirmed.
func (c *Config) confirmTimeout() time.Duration {
	if c.ConfirmTimeout == 0 {
		return 10 * time.Second
	}
	return c.ConfirmTimeout
}
