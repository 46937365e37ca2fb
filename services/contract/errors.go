package contract

// Code is a stable name for a reason why the edge itself answered a request.
// It stands in the body's "code" and in the Tollgate-Error header.
type Code uint8

// Every code an edge may answer with.
const (
	CodeInternal Code = iota // zero: a forgotten branch fails closed
	CodeNoRoute
	CodeMethodNotAllowed
	CodeKeyMissing
	CodeKeyInvalid
	CodeKeyExpired
	CodeKeyRevoked
	CodeAmbiguousCredentials
	CodeTokenMissing
	CodeTokenInvalid
	CodeTokenExpired
	CodeTokenAudience
	CodeForbidden
	CodeQuotaExceeded
	CodeQuotaUnavailable
	CodeRateLimited
	CodeConcurrencyExceeded
	CodeRequestInvalid
	CodeRequestTimeout
	CodeBodyTooLarge
	CodeURITooLong
	CodeHeadersTooLarge
	CodeExpectationFailed
	CodeMethodUnknown
	CodeTransferCoding
	CodeVersionUnsupported
	CodeMisdirected
	CodeUpgradeRefused
	CodeUpstreamUnavailable
	CodeUpstreamTimeout
	CodeUpstreamReset
	CodeUpstreamTLS
	CodeUpstreamDNS
	CodeUpstreamProtocol
	CodeUpstreamForbiddenAddress
	CodeLoopDetected
	CodeOverloaded
	CodeConfigStale
	CodeConfigUnavailable
	CodeOrganizationSuspended
	CodeKeyStoreUnavailable
	CodeProviderUnavailable
	CodeUpstreamBusy
	CodeCircuitOpen
	CodeWebSocketVersion
	CodeClientCertificate
	CodeValidationFailed
	CodeMediaType
	CodeResponseInvalid
	CodeAttackSuspected
	CodeBotRefused
	CodeCredentialsMissing
	CodeCredentialsInvalid
	CodeOperationUnknown
	numCodes
)

// CodeInfo is what a code means on the wire.
type CodeInfo struct {
	Name   string // snake_case, stable
	Status int    // HTTP status
	GRPC   int    // gRPC status code
	Title  string // one short sentence for the caller
	// Retryable: Retry-After is sent even when the policy gave no time.
	Retryable bool
}

var codes = [numCodes]CodeInfo{
	CodeInternal:                 {"internal", 500, 13, "The gateway failed to handle the request", false},
	CodeNoRoute:                  {"no_route", 404, 12, "No route matches this host and path", false},
	CodeMethodNotAllowed:         {"method_not_allowed", 405, 12, "The path exists, but not for this method", false},
	CodeKeyMissing:               {"key_missing", 401, 16, "This route needs an API key", false},
	CodeKeyInvalid:               {"key_invalid", 401, 16, "The API key is not valid here", false},
	CodeKeyExpired:               {"key_expired", 401, 16, "The API key has expired", false},
	CodeKeyRevoked:               {"key_revoked", 401, 16, "The API key was revoked", false},
	CodeAmbiguousCredentials:     {"ambiguous_credentials", 400, 3, "The request carries more than one credential", false},
	CodeTokenMissing:             {"token_missing", 401, 16, "This route needs a bearer token", false},
	CodeTokenInvalid:             {"token_invalid", 401, 16, "The bearer token is not valid", false},
	CodeTokenExpired:             {"token_expired", 401, 16, "The bearer token has expired", false},
	CodeTokenAudience:            {"token_audience", 401, 16, "The bearer token was issued for another audience", false},
	CodeForbidden:                {"forbidden", 403, 7, "The caller is known but not allowed to do this", false},
	CodeQuotaExceeded:            {"quota_exceeded", 429, 8, "The quota of this period is used up", true},
	CodeQuotaUnavailable:         {"quota_unavailable", 503, 14, "The quota can't be checked at the moment", true},
	CodeRateLimited:              {"rate_limited", 429, 8, "Too many requests in a short time", true},
	CodeConcurrencyExceeded:      {"concurrency_exceeded", 429, 8, "Too many requests at once", true},
	CodeRequestInvalid:           {"request_invalid", 400, 3, "The request is malformed or ambiguous", false},
	CodeRequestTimeout:           {"request_timeout", 408, 4, "The request did not arrive in time", false},
	CodeBodyTooLarge:             {"body_too_large", 413, 8, "The request body is larger than allowed", false},
	CodeURITooLong:               {"uri_too_long", 414, 3, "The request target is longer than allowed", false},
	CodeHeadersTooLarge:          {"headers_too_large", 431, 8, "The request's header fields are larger than allowed", false},
	CodeExpectationFailed:        {"expectation_failed", 417, 3, "The expectation is not supported", false},
	CodeMethodUnknown:            {"method_unknown", 501, 12, "The method is not supported", false},
	CodeTransferCoding:           {"transfer_coding", 501, 12, "The transfer coding is not supported", false},
	CodeVersionUnsupported:       {"version_unsupported", 505, 12, "The HTTP version is not supported", false},
	CodeMisdirected:              {"misdirected", 421, 12, "The connection is not for this host", false},
	CodeUpgradeRefused:           {"upgrade_refused", 400, 3, "The connection can't be upgraded to this protocol", false},
	CodeUpstreamUnavailable:      {"upstream_unavailable", 503, 14, "No backend is available", true},
	CodeUpstreamTimeout:          {"upstream_timeout", 504, 4, "The backend did not answer in time", false},
	CodeUpstreamReset:            {"upstream_reset", 502, 14, "The backend closed the connection early", false},
	CodeUpstreamTLS:              {"upstream_tls", 502, 14, "The backend's TLS could not be verified", false},
	CodeUpstreamDNS:              {"upstream_dns", 503, 14, "The backend's name could not be resolved", true},
	CodeUpstreamProtocol:         {"upstream_protocol", 502, 14, "The backend's answer is malformed", false},
	CodeUpstreamForbiddenAddress: {"upstream_forbidden_address", 502, 14, "The backend's address is not allowed", false},
	CodeLoopDetected:             {"loop_detected", 508, 14, "The request has passed through this gateway too often", false},
	CodeOverloaded:               {"overloaded", 503, 14, "The gateway is overloaded", true},
	CodeConfigStale:              {"config_stale", 503, 14, "The gateway's configuration is too old to be trusted", true},
	CodeConfigUnavailable:        {"config_unavailable", 503, 14, "The gateway's configuration can't be used", true},
	CodeOrganizationSuspended:    {"organization_suspended", 403, 7, "The organization is suspended", false},
	CodeKeyStoreUnavailable:      {"key_store_unavailable", 503, 14, "The API key can't be checked at the moment", true},
	CodeProviderUnavailable:      {"provider_unavailable", 503, 14, "The identity provider can't be reached", true},
	CodeUpstreamBusy:             {"upstream_busy", 503, 14, "Every backend is at its limit of requests", true},
	CodeCircuitOpen:              {"circuit_open", 503, 14, "The backends failed too often and rest for a moment", true},
	CodeWebSocketVersion:         {"websocket_version", 426, 3, "The WebSocket version is not supported", false},
	CodeClientCertificate:        {"client_certificate", 403, 7, "This host needs a client certificate that it trusts", false},
	CodeValidationFailed:         {"validation_failed", 400, 3, "The request does not fit what this route accepts", false},
	CodeMediaType:                {"media_type_unsupported", 415, 3, "The content type or coding of the body is not accepted here", false},
	CodeResponseInvalid:          {"response_invalid", 502, 13, "The backend's answer does not fit what this route promises", false},
	CodeAttackSuspected:          {"attack_suspected", 403, 7, "The request looks like an attack", false},
	CodeCredentialsMissing:       {"credentials_missing", 401, 16, "This route needs the caller to sign in", false},
	CodeCredentialsInvalid:       {"credentials_invalid", 401, 16, "The credentials are not valid here", false},
	CodeOperationUnknown:         {"operation_unknown", 404, 12, "The API has no such operation", false},
	CodeBotRefused:               {"bot_refused", 403, 7, "Automated clients of this kind are not served here", false},
}

// Info returns what the code means; an unknown code is CodeInternal.
func (c Code) Info() CodeInfo {
	if c >= numCodes {
		c = CodeInternal
	}
	return codes[c]
}

// String returns the code's stable name.
func (c Code) String() string { return c.Info().Name }

// Codes returns every code in order, for documentation and tests.
func Codes() []Code {
	out := make([]Code, numCodes)
	for i := range out {
		out[i] = Code(i)
	}
	return out
}

// CodeByName finds a code by its stable name.
func CodeByName(name string) (Code, bool) {
	for i, c := range codes {
		if c.Name == name {
			return Code(i), true
		}
	}
	return 0, false
}
