package policy

// Certificate is what a client showed in the handshake of its connection, verified
// by the gateway's rules for client certificates. It is immutable and may be kept.
type Certificate struct {
	Fingerprint string // SHA-256 of the certificate, hexadecimal
	Subject     string // RFC 2253
	CommonName  string
	DNSNames    []string // lower case
	Emails      []string
	URIs        []string
	NotAfter    int64 // Unix seconds
}

// Certificate is the client's; nil where it showed none, and on a host whose gateway
// has no rules for client certificates.
func (x *Exchange) Certificate() *Certificate { return x.e.Certificate }
