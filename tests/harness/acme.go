package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// ACMECluster is a cluster whose custom domains get certificates of Pebble's.
type ACMECluster struct {
	*Cluster
	DNS    *DNS
	Pebble *Pebble
	// Clear and Secure are where Pebble asks; they lead to the edges.
	Clear, Secure *Spread
}

// ACMEOptions are what an ACMECluster is made of.
type ACMEOptions struct {
	Edges        int
	RejectNonces int           // percent
	Validity     time.Duration // of certificates; 0: 90 days
	// Wildcard is the edge domain, whose certificate comes by DNS-01 from the test's
	// name server; empty: there is none.
	Wildcard string
}

// NewACME starts one with some edges, between which Pebble's questions are spread.
func NewACME(t testing.TB, o ACMEOptions) *ACMECluster {
	t.Helper()
	a := &ACMECluster{DNS: StartDNS(t), Clear: NewSpread(t), Secure: NewSpread(t)}
	a.Pebble = StartPebble(t, PebbleOptions{DNS: a.DNS, HTTPPort: a.Clear.Port, TLSPort: a.Secure.Port, RejectNonces: o.RejectNonces, Validity: o.Validity})
	env := []string{
		"TOLLGATE_DNS_RESOLVER=" + a.DNS.Addr, "TOLLGATE_ACME_DIRECTORY=" + a.Pebble.Directory, "TOLLGATE_ACME_ROOT=" + a.Pebble.RootFile,
		"TOLLGATE_ACME_EMAIL=ops@example.com",
	}
	if o.Wildcard != "" {
		a.DNS.ServeZone(o.Wildcard)
		env = append(env, "TOLLGATE_EDGE_DOMAIN="+o.Wildcard, "TOLLGATE_ACME_DNS_PROVIDER=rfc2136", "TOLLGATE_ACME_DNS_SERVER="+a.DNS.Addr,
			"TOLLGATE_ACME_DNS_TSIG_NAME="+DNSKeyName, "TOLLGATE_ACME_DNS_TSIG_SECRET="+DNSKeySecret)
	}
	a.Cluster = New(t, Options{Edges: o.Edges, Env: env})
	var plain, encrypted []string
	for _, e := range a.Edges {
		plain = append(plain, e.Addr())
		encrypted = append(encrypted, "127.0.0.1:"+strconv.Itoa(e.TLSPort))
	}
	a.Clear.To(plain...)
	a.Secure.To(encrypted...)
	return a
}

// AddDomain adds a domain to a gateway, sets its record and has it looked for.
func (a *ACMECluster) AddDomain(api *API, gateway, host string) {
	a.T.Helper()
	path := "/v1/gateways/" + gateway + "/domains/" + host
	proof := api.Must("PUT", path, Object{})["proof"].(Object)
	a.DNS.SetTXT(proof["name"].(string), proof["value"].(string))
	if o := api.Must("POST", path+"/verify", nil); o["state"] != "active" {
		a.T.Fatalf("domain %s is not active: %v", host, o)
	}
}

// Issued waits until every edge serves a certificate of the authority's for each
// host, and returns how long it took, for each.
func (a *ACMECluster) Issued(hosts []string, limit time.Duration) []time.Duration {
	a.T.Helper()
	began := time.Now()
	took := make([]time.Duration, len(hosts))
	errs := make([]error, len(hosts))
	var all sync.WaitGroup
	for i, host := range hosts {
		all.Go(func() {
			errs[i] = Until(context.Background(), limit, func() error {
				time.Sleep(100 * time.Millisecond)
				for _, e := range a.Edges {
					if err := e.servesFor(host); err != nil {
						return err
					}
				}
				return nil
			})
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			a.T.Errorf("%s: %v", hosts[i], err)
		}
	}
	slices.Sort(took)
	return took
}

// Shown is the certificate that an edge shows for a host.
func (e *Edge) Shown(host string) (*x509.Certificate, error) {
	c, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(e.TLSPort), &tls.Config{ServerName: host, InsecureSkipVerify: true}) // what it is, not whether
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

// servesFor says why an edge has no certificate of Pebble's for a host.
func (e *Edge) servesFor(host string) error {
	leaf, err := e.Shown(host)
	if err != nil {
		return err
	}
	if !strings.Contains(leaf.Issuer.CommonName, "Pebble") || leaf.VerifyHostname(host) != nil {
		return fmt.Errorf("%s serves a certificate of %s for %v", e.ID, leaf.Issuer, leaf.DNSNames)
	}
	return nil
}
