package portal

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/tollgate/tollgate/portal/internal/mail"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/tenant"
)

// Config is what New needs.
type Config struct {
	// App is shared with others in the process, who close it; nil: New makes one
	// of Services, and Run closes it.
	App      *app.App
	Services app.Config
	// Addr serves the public face, AdminAddr health and metrics (empty: nowhere).
	Addr      string
	AdminAddr string
	// SMTPURL is the mail server; empty: mails go to the log.
	SMTPURL        string
	TrustedProxies []netip.Prefix
	// Drain bounds how long open requests may take after Run's context ended.
	Drain time.Duration
	// AllowDevMails serves GET /dev/mails to this machine: whoever reads a mail
	// owns its account. Only for trials without a mail server.
	AllowDevMails bool
	Logger        *slog.Logger
}

// Settings are the settings that FromSettings reads.
var Settings = append([]string{
	settings.PortalAddr, settings.PortalAdminAddr, settings.SMTPURL, settings.TrustedProxies, settings.DrainTimeout,
	settings.LogFormat,
}, app.Settings...)

// FromSettings makes a Config of what the operator set. Every mistake is in the
// error.
func FromSettings(v *settings.Values, log *slog.Logger) (Config, error) {
	services, err := app.FromSettings(v, log)
	errs := []error{err}
	c := Config{
		Services: services, Addr: v.String(settings.PortalAddr), AdminAddr: v.String(settings.PortalAdminAddr),
		SMTPURL: v.String(settings.SMTPURL), Logger: log,
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
	if c.SMTPURL != "" {
		if _, err := mail.NewSMTP(c.SMTPURL); err != nil {
			errs = append(errs, fmt.Errorf("TOLLGATE_%s: %w", settings.SMTPURL, err))
		}
	}
	return c, errors.Join(errs...)
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
func (c *Config) check() (public *url.URL, err error) {
	if c.Logger == nil || c.Addr == "" {
		return nil, errors.New("portal: a logger and an address are needed")
	}
	if c.App != nil {
		c.Services = c.App.Config
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	public, err = url.Parse(c.Services.PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "http" && public.Scheme != "https" {
		return nil, fmt.Errorf("portal: public URL %q is not an absolute http or https URL", c.Services.PublicURL)
	}
	return public, nil
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
