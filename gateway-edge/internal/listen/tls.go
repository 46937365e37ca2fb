package listen

import (
	"crypto/tls"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
)

// ALPNChallenge is the protocol of ACME's TLS-ALPN-01 challenges (RFC 8737): such
// a connection ends with its handshake.
const ALPNChallenge = "acme-tls/1"

// arrived notes what the handshake told of the client; false: the connection has
// served its purpose.
func arrived(state *tls.ConnectionState, info *engine.Info) bool {
	info.Client = engine.NewClientCert(state.PeerCertificates)
	return state.NegotiatedProtocol != ALPNChallenge
}
