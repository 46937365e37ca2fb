package policy

import (
	"fmt"
	"unsafe"
)

// Name is a header field's name, interned: looking up a known one costs an
// index, another one a scan. Names are made when a policy is compiled, never per
// request.
type Name struct {
	id uint8 // 0: not a known name
	s  string
}

// String returns the name as it was given.
func (n Name) String() string { return n.s }

// MaxNameLen is the longest field name the edge accepts, in bytes.
const MaxNameLen = 256

// HeaderName makes a Name. It refuses what is not a token of RFC 9110 5.6.2.
func HeaderName(s string) (Name, error) {
	if s == "" || len(s) > MaxNameLen {
		return Name{}, fmt.Errorf("a header name has 1 to %d characters", MaxNameLen)
	}
	for i := 0; i < len(s); i++ {
		if !isToken(s[i]) {
			return Name{}, fmt.Errorf("header name %q: character %d is not allowed", s, i+1)
		}
	}
	if id := classify(s); id != 0 {
		return Name{id, knownNames[id]}, nil
	}
	return Name{0, s}, nil
}

// FixedName makes a Name of one that is written in the code. It panics where
// HeaderName would refuse it.
func FixedName(s string) Name {
	n, err := HeaderName(s)
	if err != nil {
		panic(err)
	}
	return n
}

// Known header names.
var (
	Accept                        = know("Accept")
	AcceptEncoding                = know("Accept-Encoding")
	AcceptLanguage                = know("Accept-Language")
	AcceptRanges                  = know("Accept-Ranges")
	AccessControlAllowCredentials = know("Access-Control-Allow-Credentials")
	AccessControlAllowHeaders     = know("Access-Control-Allow-Headers")
	AccessControlAllowMethods     = know("Access-Control-Allow-Methods")
	AccessControlAllowOrigin      = know("Access-Control-Allow-Origin")
	AccessControlExposeHeaders    = know("Access-Control-Expose-Headers")
	AccessControlMaxAge           = know("Access-Control-Max-Age")
	AccessControlRequestHeaders   = know("Access-Control-Request-Headers")
	AccessControlRequestMethod    = know("Access-Control-Request-Method")
	Age                           = know("Age")
	Allow                         = know("Allow")
	AltSvc                        = know("Alt-Svc")
	Authorization                 = know("Authorization")
	CacheControl                  = know("Cache-Control")
	CFConnectingIP                = know("CF-Connecting-IP")
	ClientCert                    = know("Client-Cert")
	ClientCertChain               = know("Client-Cert-Chain")
	Connection                    = know("Connection")
	ContentDisposition            = know("Content-Disposition")
	ContentEncoding               = know("Content-Encoding")
	ContentLength                 = know("Content-Length")
	ContentType                   = know("Content-Type")
	Cookie                        = know("Cookie")
	Date                          = know("Date")
	ETag                          = know("ETag")
	Expect                        = know("Expect")
	Expires                       = know("Expires")
	Forwarded                     = know("Forwarded")
	GRPCMessage                   = know("Grpc-Message")
	GRPCStatus                    = know("Grpc-Status")
	Host                          = know("Host")
	HTTP2Settings                 = know("HTTP2-Settings")
	IfMatch                       = know("If-Match")
	IfModifiedSince               = know("If-Modified-Since")
	IfNoneMatch                   = know("If-None-Match")
	KeepAlive                     = know("Keep-Alive")
	LastModified                  = know("Last-Modified")
	Location                      = know("Location")
	MaxForwards                   = know("Max-Forwards")
	OriginHeader                  = know("Origin")
	PartialResult                 = know("Partial-Result") // which parts of an answer are missing: a list of RFC 9651
	ProxyAuthenticate             = know("Proxy-Authenticate")
	ProxyAuthorization            = know("Proxy-Authorization")
	ProxyConnection               = know("Proxy-Connection")
	Range                         = know("Range")
	RateLimit                     = know("RateLimit")
	RateLimitPolicy               = know("RateLimit-Policy")
	Referer                       = know("Referer")
	RetryAfter                    = know("Retry-After")
	SecFetchDest                  = know("Sec-Fetch-Dest")
	SecFetchMode                  = know("Sec-Fetch-Mode")
	SecFetchSite                  = know("Sec-Fetch-Site")
	Server                        = know("Server")
	ServerTiming                  = know("Server-Timing")
	SetCookie                     = know("Set-Cookie")
	StrictTransportSecurity       = know("Strict-Transport-Security")
	TE                            = know("TE")
	TollgateConsumer              = know("Tollgate-Consumer")
	TollgateError                 = know("Tollgate-Error")
	TollgateKeyExpiresIn          = know("Tollgate-Key-Expires-In")
	Traceparent                   = know("Traceparent")
	Tracestate                    = know("Tracestate")
	TrailerHeader                 = know("Trailer")
	TransferEncoding              = know("Transfer-Encoding")
	TrueClientIP                  = know("True-Client-IP")
	Upgrade                       = know("Upgrade")
	UserAgent                     = know("User-Agent")
	Vary                          = know("Vary")
	Via                           = know("Via")
	WWWAuthenticate               = know("WWW-Authenticate")
	XAPIKey                       = know("X-API-Key")
	XForwardedFor                 = know("X-Forwarded-For")
	XForwardedHost                = know("X-Forwarded-Host")
	XForwardedMethod              = know("X-Forwarded-Method")
	XForwardedPort                = know("X-Forwarded-Port")
	XForwardedPrefix              = know("X-Forwarded-Prefix")
	XForwardedProto               = know("X-Forwarded-Proto")
	XForwardedURI                 = know("X-Forwarded-Uri")
	XHTTPMethod                   = know("X-HTTP-Method")
	XHTTPMethodOverride           = know("X-HTTP-Method-Override")
	XMethodOverride               = know("X-Method-Override")
	XOriginalURL                  = know("X-Original-URL")
	XRealIP                       = know("X-Real-IP")
	XRequestID                    = know("X-Request-Id")
	XRewriteURL                   = know("X-Rewrite-URL")
)

// The table of known names: a byte of hash leads to at most one name, so that
// classifying a field is one lookup and one comparison. Two names that collide
// are found when the package is initialised.
const (
	maxKnown  = 128
	knownBits = 12
)

var (
	knownNames [maxKnown]string
	knownCount uint8 = 1
	knownTable [1 << knownBits]uint8
)

func know(s string) Name {
	id := knownCount
	knownCount++
	knownNames[id] = s
	h := nameHash(s)
	if knownTable[h] != 0 {
		panic("policy: header names " + s + " and " + knownNames[knownTable[h]] + " need another hash")
	}
	knownTable[h] = id
	return Name{id, s}
}

// nameHash looks at the length and four characters, case folded.
func nameHash[S ~string | ~[]byte](n S) uint32 {
	l := len(n)
	h := uint32(l)*0x9E3779B1 ^
		uint32(n[0]|0x20)*0x85EBCA77 ^
		uint32(n[l-1]|0x20)*0xC2B2AE3D ^
		uint32(n[l/2]|0x20)*0x27D4EB2F ^
		uint32(n[l*3/4]|0x20)*0x165667B1
	return h >> (32 - knownBits)
}

// classify returns the id of a known name, 0 for any other.
func classify[S ~string | ~[]byte](n S) uint8 {
	if len(n) == 0 {
		return 0
	}
	id := knownTable[nameHash(n)]
	if id != 0 && foldEqual(*(*string)(unsafe.Pointer(&n)), knownNames[id]) {
		return id
	}
	return 0
}

// isToken reports whether c may stand in a token (RFC 9110 5.6.2).
func isToken(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
