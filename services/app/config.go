package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/tenant"
)

// Config is what an App is made of. Clock may be nil.
type Config struct {
	DatabaseURL string
	RedisURL    string
	Root        *contract.RootKeys
	EdgeDomain  string // gateways answer at their label under it
	// StreamPorts is the operator's range for streams; the zero range: none.
	StreamPorts gateway.PortRange
	PublicURL   string // base of links in mails
	PlansFile   string // empty: the built-in plans
	// AllowPrivate lets upstreams have private and loopback addresses.
	AllowPrivate bool
	// OwnAddrs are addresses of Tollgate's own listeners and stores, which no
	// upstream may have even then.
	OwnAddrs []netip.AddrPort
	// VerifyMail: mail is set up, so addresses have to be proved.
	VerifyMail bool
	// Operators are the addresses that may use the operator's console.
	Operators []string
	// HashCost is what passwords' hashes take; zero in production.
	HashCost tenant.HashCost
	// DNSResolver is the host:port that is asked for the records of custom domains;
	// empty: the system's.
	DNSResolver string
	ACME        ACMEConfig
	Stripe      StripeConfig
	Logger      *slog.Logger
	Clock       core.Clock
}

// Settings are the settings that FromSettings reads.
var Settings = []string{
	settings.DatabaseURL, settings.RedisURL, settings.SecretKey, settings.EdgeDomain, settings.PublicURL, settings.PlansFile, settings.StreamPorts,
	settings.AllowPrivateUpstreams, settings.SMTPURL, settings.PortalAddr, settings.Operators,
	settings.DNSResolver, settings.ACMEDirectory, settings.ACMEEmail, settings.ACMERoot, settings.ACMEEABKeyID, settings.ACMEEABKey,
	settings.ACMEDNSProvider, settings.ACMEDNSServer, settings.ACMEDNSTSIGName, settings.ACMEDNSTSIGAlgorithm, settings.ACMEDNSTSIGSecret,
	settings.ACMEDNSURL, settings.ACMEDNSToken,
	settings.StripeKey, settings.StripeWebhookSecret, settings.StripeURL, settings.StripeUsage,
}

// FromSettings makes a Config of what the operator set. Every mistake is in the
// error.
func FromSettings(v *settings.Values, log *slog.Logger) (Config, error) {
	c := Config{
		DatabaseURL: v.String(settings.DatabaseURL), RedisURL: v.String(settings.RedisURL),
		EdgeDomain: v.String(settings.EdgeDomain), PublicURL: v.String(settings.PublicURL), PlansFile: v.String(settings.PlansFile),
		VerifyMail: v.String(settings.SMTPURL) != "", Operators: v.List(settings.Operators), Logger: log,
	}
	errs := []error{v.Require(settings.DatabaseURL, settings.RedisURL, settings.SecretKey, settings.EdgeDomain)}
	var err error
	if c.AllowPrivate, err = v.Bool(settings.AllowPrivateUpstreams); err != nil {
		errs = append(errs, err)
	}
	if c.StreamPorts.First, c.StreamPorts.Last, err = v.Ports(settings.StreamPorts); err != nil {
		errs = append(errs, err)
	}
	if key := v.String(settings.SecretKey); key != "" {
		if c.Root, err = contract.ParseRoot(key); err != nil {
			errs = append(errs, err)
		}
	}
	c.DNSResolver = v.String(settings.DNSResolver)
	if c.ACME, err = acmeFromSettings(v); err != nil {
		errs = append(errs, err)
	}
	if c.Stripe, err = stripeFromSettings(v); err != nil {
		errs = append(errs, err)
	}
	if c.PublicURL == "" {
		if c.PublicURL, err = defaultPublicURL(v.String(settings.PortalAddr)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, text := range []string{c.DatabaseURL, c.RedisURL} {
		c.OwnAddrs = append(c.OwnAddrs, literalAddrs(text)...)
	}
	return c, errors.Join(errs...)
}

// defaultPublicURL is where the portal is reached from its own machine.
func defaultPublicURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("TOLLGATE_%s is %q, want host:port", settings.PortalAddr, addr)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// literalAddrs returns the IP addresses that stand in a store's URL.
func literalAddrs(text string) (out []netip.AddrPort) {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	for host := range strings.SplitSeq(u.Host, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			name, port = strings.Trim(host, "[]"), "0"
		}
		ip, err := netip.ParseAddr(name)
		if err != nil {
			continue
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err == nil {
			out = append(out, netip.AddrPortFrom(ip, uint16(n)))
		}
	}
	return out
}

// localAddrs are the addresses of this machine.
func localAddrs() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the guard then still knows loopback
	}
	var out []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}
