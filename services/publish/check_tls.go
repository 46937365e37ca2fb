package publish

import (
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// clientCertificates checks those that callers show, and that upstreams find the
// secrets of those that they show.
func clientCertificates(f *findings, doc *contract.Gateway) {
	_, errs := match.CompileClientCertificates(doc.ClientCertificates, doc.Hosts)
	f.addAt("/client_certificates", errs.Err())
	for i := range doc.Upstreams {
		t := doc.Upstreams[i].TLS
		if t == nil || t.ClientCertificate.Secret == "" {
			continue
		}
		if _, ok := doc.Secrets[t.ClientCertificate.Secret]; !ok {
			f.add(contract.Pointer("upstreams", i, "tls", "client_certificate", "secret"),
				fmt.Sprintf("the gateway has no secret %.140q: create it first, with the certificate, its chain and its private key in PEM", t.ClientCertificate.Secret))
		}
	}
}
