package contract

// MessageCertificate is the purpose of an EdgeCertificate.
const MessageCertificate = "certificate"

// RedisEdgeCertificate holds the EdgeCertificate; edges look for a new one every few
// seconds and keep the one they have.
const RedisEdgeCertificate = "tg:certificate"

// EdgeCertificate is the certificate of the edge domain's wildcard, which edges
// show for every host under it that has none of its own. It crosses Redis encrypted.
type EdgeCertificate struct {
	ChainPEM string `json:"chain_pem"`
	KeyPEM   string `json:"key_pem"`
}
