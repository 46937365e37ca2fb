package app

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/tollgate/tollgate/services/contract/settings"
)

// ACMEConfig says which authority issues certificates of custom domains.
type ACMEConfig struct {
	Directory string         // URL; empty: there are none
	Email     string         // may be empty
	Roots     *x509.CertPool // for the directory itself; nil: the system's
	// EABKeyID and EABKey are the external account binding; empty: none.
	EABKeyID, EABKey string
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
