package contract

// Modes of ClientCertificates.
const (
	ClientCertRequired = "required" // the default: no connection without a good one
	ClientCertOptional = "optional" // one that is shown must be good
)

// ClientCertificates says which certificates callers must show in the TLS
// handshake, for some hosts of a gateway or for all of them.
type ClientCertificates struct {
	Hosts []string `json:"hosts,omitempty"` // empty: all that no other entry names
	Mode  string   `json:"mode,omitempty"`
	CAPEM string   `json:"ca_pem"` // authorities whose certificates are good
	// CRLPEM are revocation lists of those authorities. One whose next update is
	// past refuses all certificates of its authority.
	CRLPEM string `json:"crl_pem,omitempty"`
	// Subjects are patterns of the subject's text (RFC 2253), such as
	// "CN=billing,O=Acme*"; SANs are patterns of names as "dns:*.partner.example",
	// "email:…", "uri:spiffe://…" or "ip:…". "*" stands for any characters. One of
	// each kind that is given must fit.
	Subjects []string `json:"subjects,omitempty"`
	SANs     []string `json:"sans,omitempty"`
}

// SecretRef names one of the gateway's secrets.
type SecretRef struct {
	Secret string `json:"secret,omitempty"`
}
