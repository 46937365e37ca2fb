package app

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/internal/dnsprovider"
)

// ACMEConfig says which authority issues certificates of custom domains.
type ACMEConfig struct {
	Directory string         // URL; empty: there are none
	Email     string         // may be empty
	Roots     *x509.CertPool // for the directory itself; nil: the system's
	// EABKeyID and EABKey are the external account binding; empty: none.
	EABKeyID, EABKey string
	// DNS changes the zone of the edge domain; nil: there is no wildcard certificate.
	DNS acme.DNSProvider
}

func acmeFromSettings(v *settings.Values) (ACMEConfig, error) {
	c := ACMEConfig{
		Directory: v.String(settings.ACMEDirectory), Email: v.String(settings.ACMEEmail),
		EABKeyID: v.String(settings.ACMEEABKeyID), EABKey: v.String(settings.ACMEEABKey),
	}
	var errs []error
	fail := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("TOLLGATE_"+name+" "+format, args...))
	}
	if c.Directory != "" {
		if u, err := url.Parse(c.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
			fail(settings.ACMEDirectory, "is %q, want the https:// URL of a directory", c.Directory)
		}
	}
	var err error
	if c.DNS, err = dnsFromSettings(v); err != nil {
		errs = append(errs, err)
	}
	if c.DNS != nil && c.Directory == "" {
		fail(settings.ACMEDNSProvider, "is set, but TOLLGATE_%s is not: name the authority", settings.ACMEDirectory)
	}
	if (c.EABKeyID == "") != (c.EABKey == "") {
		fail(settings.ACMEEABKeyID, "and TOLLGATE_%s belong together: one of them is missing", settings.ACMEEABKey)
	}
	if file := v.String(settings.ACMERoot); file != "" {
		pem, err := os.ReadFile(file)
		c.Roots = x509.NewCertPool()
		if err != nil {
			fail(settings.ACMERoot, "can't be read: %w", err)
		} else if !c.Roots.AppendCertsFromPEM(pem) {
			fail(settings.ACMERoot, "%s holds no certificate in PEM", file)
		}
	}
	return c, errors.Join(errs...)
}

// Where the zone of the edge domain may be kept.
const (
	dnsRFC2136    = "rfc2136"
	dnsCloudflare = "cloudflare"
	dnsWebhook    = "webhook"
)

// dnsFromSettings makes the provider of the edge domain's zone; nil: none is set.
func dnsFromSettings(v *settings.Values) (acme.DNSProvider, error) {
	var errs []error
	fail := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("TOLLGATE_"+name+" "+format, args...))
	}
	kind, token, base := v.String(settings.ACMEDNSProvider), v.String(settings.ACMEDNSToken), v.String(settings.ACMEDNSURL)
	if base != "" {
		if u, err := url.Parse(base); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			fail(settings.ACMEDNSURL, "is %q, want an https:// URL", base)
		}
	}
	var out acme.DNSProvider
	switch kind {
	case "":
		return nil, errors.Join(errs...)
	case dnsRFC2136:
		p := &dnsprovider.RFC2136{
			Server: v.String(settings.ACMEDNSServer), KeyName: v.String(settings.ACMEDNSTSIGName),
			Algorithm: v.String(settings.ACMEDNSTSIGAlgorithm), Secret: v.String(settings.ACMEDNSTSIGSecret),
		}
		if _, port, err := net.SplitHostPort(p.Server); err != nil || port == "" {
			fail(settings.ACMEDNSServer, "is %q, want host:port of the zone's primary name server, such as ns1.example.com:53", p.Server)
		}
		if (p.KeyName == "") != (p.Secret == "") {
			fail(settings.ACMEDNSTSIGName, "and TOLLGATE_%s belong together: one of them is missing", settings.ACMEDNSTSIGSecret)
		}
		if _, err := base64.StdEncoding.DecodeString(p.Secret); err != nil {
			fail(settings.ACMEDNSTSIGSecret, "is not base64")
		}
		if !dnsprovider.KnownAlgorithm(p.Algorithm) {
			fail(settings.ACMEDNSTSIGAlgorithm, "is %q, want hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512", p.Algorithm)
		}
		out = p
	case dnsCloudflare:
		if token == "" {
			fail(settings.ACMEDNSToken, "is missing: make an API token with Zone.Zone: Read and Zone.DNS: Edit")
		}
		out = dnsprovider.NewCloudflare(base, token)
	case dnsWebhook:
		if base == "" {
			fail(settings.ACMEDNSURL, "is missing: the webhook's URL")
		}
		out = dnsprovider.NewWebhook(base, token)
	default:
		fail(settings.ACMEDNSProvider, "is %q, want %s, %s or %s", kind, dnsRFC2136, dnsCloudflare, dnsWebhook)
	}
	return out, errors.Join(errs...)
}
