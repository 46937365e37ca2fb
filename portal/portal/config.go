package portal

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/portal/internal/mail"
	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Config is what New needs beside the services.
type Config struct {
	// Addr serves the public face, AdminAddr health and metrics (empty: nowhere).
	Addr      string
	AdminAddr string
	// EdgePublicURL is where callers reach gateways, EdgeURL where the portal
	// reaches an edge for test requests (nil: there are none).
	EdgePublicURL *url.URL
	EdgeURL       *url.URL
	// EchoAddr serves the echo backend (empty: nowhere), which customers are
	// offered as EchoURL.
	EchoAddr string
	EchoURL  string
	// EchoListener is where the echo backend listens, instead of EchoAddr.
	EchoListener net.Listener
	// SMTPURL is the mail server; empty: mails go to the log.
	SMTPURL        string
	TrustedProxies []netip.Prefix
	// Providers are whom one can sign in with by OpenID Connect, GitHub by OAuth
	// when it has a client id.
	Providers []settings.Provider
	GitHub    signin.GitHubConfig
	// Drain bounds how long open requests may take after Run's context ended.
	Drain time.Duration
	// DevMails serves GET /dev/mails: whoever reads a mail owns its account. Only
	// for trials without a mail server.
	DevMails bool
	// Telemetry is where the operator has traces and metrics sent; nil: nowhere.
	Telemetry *otlp.Operator
	Version   string // of the program
	Logger    *slog.Logger
}

// Settings are the settings that FromSettings reads.
var Settings = []string{
	settings.PortalAddr, settings.PortalAdminAddr, settings.SMTPURL, settings.TrustedProxies, settings.DrainTimeout,
	settings.LogFormat, settings.EdgeDomain, settings.EdgePublicURL, settings.EdgeURL, settings.EchoAddr, settings.EchoURL,
	settings.GitHubClientID, settings.GitHubClientSecret, settings.GitHubURL,
}

// FromSettings makes a Config of what the operator set. Every mistake is in the
// error.
func FromSettings(v *settings.Values, log *slog.Logger) (Config, error) {
	var errs []error
	var err error
	c := Config{
		Addr: v.String(settings.PortalAddr), AdminAddr: v.String(settings.PortalAdminAddr),
		SMTPURL: v.String(settings.SMTPURL), Logger: log,
		EchoAddr: v.String(settings.EchoAddr), EchoURL: v.String(settings.EchoURL),
	}
	if err := c.edges(v); err != nil {
		errs = append(errs, err)
	}
	if c.Telemetry, err = otlp.FromEnv(v.Environment, "tollgate-portal"); err != nil {
		errs = append(errs, err)
	}
	if c.Drain, err = v.Duration(settings.DrainTimeout); err != nil {
		errs = append(errs, err)
	}
	for _, text := range v.List(settings.TrustedProxies) {
		p, err := parsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("TOLLGATE_%s: %w", settings.TrustedProxies, err))
			continue
		}
		c.TrustedProxies = append(c.TrustedProxies, p)
	}
	if c.Providers, err = v.Providers(); err != nil {
		errs = append(errs, err)
	}
	c.GitHub = signin.GitHubConfig{
		URL: v.String(settings.GitHubURL), ClientID: v.String(settings.GitHubClientID), ClientSecret: v.String(settings.GitHubClientSecret),
	}
	if (c.GitHub.ClientID == "") != (c.GitHub.ClientSecret == "") {
		errs = append(errs, fmt.Errorf("TOLLGATE_%s and TOLLGATE_%s belong together", settings.GitHubClientID, settings.GitHubClientSecret))
	}
	if c.SMTPURL != "" {
		if _, err := mail.NewSMTP(c.SMTPURL); err != nil {
			errs = append(errs, fmt.Errorf("TOLLGATE_%s: %w", settings.SMTPURL, err))
		}
	}
	return c, errors.Join(errs...)
}

// edges reads where edges and the echo backend are.
func (c *Config) edges(v *settings.Values) error {
	var errs []error
	domain := v.String(settings.EdgeDomain)
	public := v.String(settings.EdgePublicURL)
	if public == "" {
		public = "https://" + domain
	}
	var err error
	if c.EdgePublicURL, err = bareURL(settings.EdgePublicURL, public); err != nil {
		errs = append(errs, err)
	} else if c.EdgePublicURL.Hostname() != domain {
		errs = append(errs, fmt.Errorf("TOLLGATE_%s is %q, but the edge domain is %q", settings.EdgePublicURL, public, domain))
	}
	if text := v.String(settings.EdgeURL); text != "" {
		if c.EdgeURL, err = bareURL(settings.EdgeURL, text); err != nil {
			errs = append(errs, err)
		}
	}
	if c.EchoURL != "" {
		u, err := bareURL(settings.EchoURL, c.EchoURL)
		if err != nil {
			errs = append(errs, err)
		} else {
			c.EchoURL = u.String()
		}
	}
	if c.EchoAddr != "" && c.EchoURL == "" {
		errs = append(errs, fmt.Errorf("TOLLGATE_%s needs TOLLGATE_%s: the URL at which edges reach it", settings.EchoAddr, settings.EchoURL))
	}
	return errors.Join(errs...)
}

// bareURL reads scheme, host and port.
func bareURL(name, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("TOLLGATE_%s is %q, want scheme://host[:port]", name, text)
	}
	return u, nil
}

// parsePrefix reads a network or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no network such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

// check completes a Config made by hand.
func (c *Config) check() error {
	if c.Logger == nil || c.Addr == "" {
		return errors.New("portal: a logger and an address are needed")
	}
	if c.EdgePublicURL == nil {
		return errors.New("portal: the URL under which callers reach gateways is needed")
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	return nil
}

// publicURL is where browsers reach the portal.
func publicURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("portal: public URL %q is not an absolute http or https URL", text)
	}
	return u, nil
}

// providers makes the sign-in providers; callbacks stand under the public URL.
func (c *Config) providers(public *url.URL, clock core.Clock) (*signin.Providers, error) {
	callback := func(name string) string { return public.JoinPath("/v1/login/oidc", name, "callback").String() }
	var list []signin.Provider
	for _, p := range c.Providers {
		one, err := signin.NewOIDC(signin.OIDCConfig{
			Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: callback(p.Name), Clock: clock,
		})
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	if c.GitHub.ClientID != "" {
		g := c.GitHub
		g.RedirectURL = callback("github")
		one, err := signin.NewGitHub(g)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return signin.NewProviders(list...)
}

// mailer is where mails go; box is nil when they really are sent.
func (c *Config) mailer() (m tenant.Mailer, box *mail.Box, err error) {
	if c.SMTPURL != "" {
		smtp, err := mail.NewSMTP(c.SMTPURL)
		return smtp, nil, err
	}
	box = mail.NewBox(c.Logger, time.Now)
	return box, box, nil
}
