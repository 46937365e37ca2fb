package gate

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// role says what the gate does with a known field of a request.
type role uint8

const (
	rolePass role = iota
	roleHost
	roleLength
	roleCoding
	roleConnection
	roleExpect
	roleUpgrade
	roleTE
	roleTrailer
	roleSingle      // a second one is refused
	roleDrop        // never sent on: the connection's own, or ours to set
	roleForwarded   // only from a trusted proxy
	roleVia         // counted, and sent on
	roleRequestID   // only from a trusted proxy, and only if well-formed
	roleMaxForwards // of TRACE and OPTIONS
	roleRange       // at most MaxRanges
)

var requestRoles = func() (t [policy.EngineKnown]role) {
	set := func(r role, names ...policy.Name) {
		for _, n := range names {
			t[policy.EngineNameID(n)] = r
		}
	}
	set(roleHost, policy.Host)
	set(roleLength, policy.ContentLength)
	set(roleCoding, policy.TransferEncoding)
	set(roleConnection, policy.Connection)
	set(roleExpect, policy.Expect)
	set(roleUpgrade, policy.Upgrade)
	set(roleTE, policy.TE)
	set(roleTrailer, policy.TrailerHeader)
	set(roleSingle, policy.Authorization, policy.XAPIKey, policy.ContentType, policy.OriginHeader)
	set(roleDrop, policy.KeepAlive, policy.ProxyConnection, policy.ProxyAuthorization, policy.ProxyAuthenticate,
		policy.HTTP2Settings, policy.ClientCert, policy.ClientCertChain, policy.TollgateConsumer, policy.TollgateError, policy.TollgateKeyExpiresIn,
		policy.XOriginalURL, policy.XRewriteURL, policy.XHTTPMethod, policy.XHTTPMethodOverride, policy.XMethodOverride,
		policy.XForwardedMethod, policy.XForwardedURI, policy.XForwardedPrefix)
	set(roleForwarded, policy.XForwardedFor, policy.XForwardedHost, policy.XForwardedPort, policy.XForwardedProto,
		policy.Forwarded, policy.XRealIP, policy.TrueClientIP, policy.CFConnectingIP)
	set(roleVia, policy.Via)
	set(roleRequestID, policy.XRequestID)
	set(roleMaxForwards, policy.MaxForwards)
	set(roleRange, policy.Range)
	return
}()

// Roles of a backend's fields.
const (
	respPass role = iota
	respLength
	respCoding
	respConnection
	respDrop
	respUpgrade
)

var responseRoles = func() (t [policy.EngineKnown]role) {
	set := func(r role, names ...policy.Name) {
		for _, n := range names {
			t[policy.EngineNameID(n)] = r
		}
	}
	set(respLength, policy.ContentLength)
	set(respCoding, policy.TransferEncoding)
	set(respConnection, policy.Connection)
	set(respUpgrade, policy.Upgrade)
	// The connection's own, and what only the edge says: a backend knows nothing of
	// other ways to the gateway (Alt-Svc).
	set(respDrop, policy.KeepAlive, policy.ProxyConnection, policy.ProxyAuthenticate, policy.TrailerHeader,
		policy.TollgateConsumer, policy.TollgateError, policy.TollgateKeyExpiresIn, policy.XRequestID,
		policy.HTTP2Settings, policy.TE, policy.AltSvc)
	return
}()

// ours reports whether an unknown field's name begins with "Tollgate-".
func ours[S ~string | ~[]byte](name S) bool {
	const prefix = "tollgate-"
	if len(name) < len(prefix) || name[0]|0x20 != 't' {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// twin reports whether a name with characters besides letters, digits and "-"
// could be taken by a backend for a field that the gate or a policy looks at:
// "X_Api_Key" for "X-Api-Key".
func twin[S ~string | ~[]byte](name S) bool {
	var b [policy.MaxNameLen]byte
	if len(name) > len(b) {
		return true
	}
	for i := 0; i < len(name); i++ {
		if b[i] = name[i]; nameClass[name[i]] != namePlain {
			b[i] = '-'
		}
	}
	plain := b[:len(name)]
	return policy.EngineClassify(plain) != 0 || ours(plain)
}

// trailerAllowed reports whether a trailer field may pass (RFC 9110 6.5.1):
// nothing that frames, routes, authenticates or that the edge itself sets.
func trailerAllowed[S ~string | ~[]byte](name S) bool {
	if ours(name) {
		return false
	}
	id := policy.EngineClassify([]byte(name))
	if id == 0 {
		return true
	}
	return trailerKnown[id]
}

var trailerKnown = func() (t [policy.EngineKnown]bool) {
	for _, n := range []policy.Name{policy.GRPCStatus, policy.GRPCMessage, policy.ServerTiming, policy.ETag, policy.Expires} {
		t[policy.EngineNameID(n)] = true
	}
	return
}()

// ResponseField reports whether a backend's field of this name is sent on by
// engines that get their fields parsed: none that frames or concerns only the
// connection, and none that only the edge says.
func ResponseField(name string) bool {
	id := policy.EngineClassify(bytesOf(name))
	if id == 0 {
		return !ours(name)
	}
	return responseRoles[id] == respPass
}

// TrailerField reports whether a trailer field of this name is sent on.
func TrailerField(name string) bool { return trailerAllowed(name) }
