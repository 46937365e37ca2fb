package main

import (
	"bytes"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
)

// advice says what somebody who gets the code can do; every code has one.
var advice = map[contract.Code]string{
	contract.CodeInternal:                 "Try again; tell the operator the request id if it stays: the fault is the gateway's.",
	contract.CodeNoRoute:                  "Check host and path. An unknown host gets the same answer as an unknown path.",
	contract.CodeMethodNotAllowed:         "Use one of the methods in `Allow`.",
	contract.CodeKeyMissing:               "Send the key in `X-API-Key` or `Authorization: Bearer`.",
	contract.CodeKeyInvalid:               "Check the key: it is mistyped, unknown, of another gateway, or a test key on a live gateway.",
	contract.CodeKeyExpired:               "Issue or ask for a new key.",
	contract.CodeKeyRevoked:               "Issue or ask for a new key.",
	contract.CodeAmbiguousCredentials:     "Send one credential only.",
	contract.CodeTokenMissing:             "Send the token as `Authorization: Bearer`.",
	contract.CodeTokenInvalid:             "Get a new token; if that does not help, compare its issuer and algorithm with the route's `jwt` policy.",
	contract.CodeTokenExpired:             "Get a new token. Clocks may differ by 60 s.",
	contract.CodeTokenAudience:            "Ask the provider for a token for one of the route's audiences.",
	contract.CodeForbidden:                "Ask for what is missing: the key or token lacks a scope or claim, the usage plan lacks the route, or the address is not allowed.",
	contract.CodeQuotaExceeded:            "Wait for `Retry-After`, or get a larger plan.",
	contract.CodeQuotaUnavailable:         "Try again after `Retry-After`: what this edge holds of the quota is spent, and it can't reach the others.",
	contract.CodeRateLimited:              "Send slower; wait for `Retry-After`.",
	contract.CodeConcurrencyExceeded:      "Wait for your own requests to end before you send more.",
	contract.CodeRequestInvalid:           "Correct the request; `detail` says what is wrong.",
	contract.CodeRequestTimeout:           "Send the head and the body faster.",
	contract.CodeBodyTooLarge:             "Send a smaller body, or raise `max_body_bytes` of the route.",
	contract.CodeURITooLong:               "Shorten the URL.",
	contract.CodeHeadersTooLarge:          "Send fewer or shorter header fields.",
	contract.CodeExpectationFailed:        "Send no `Expect`, or `100-continue`.",
	contract.CodeMethodUnknown:            "Use a method of HTTP.",
	contract.CodeTransferCoding:           "Send the body as `chunked` or with a length.",
	contract.CodeVersionUnsupported:       "Use HTTP/1.1 or HTTP/2.",
	contract.CodeMisdirected:              "Open a connection for this host.",
	contract.CodeUpgradeRefused:           "Send the request without `Upgrade`, or switch WebSockets on in the [route](websocket.md); `detail` says what is wrong with the handshake.",
	contract.CodeUpstreamUnavailable:      "Look at the upstream's health: every backend is down or refuses connections.",
	contract.CodeUpstreamTimeout:          "Make the backend faster, or raise the route's timeout.",
	contract.CodeUpstreamReset:            "Look at the backend's log: it closed the connection before its answer was complete.",
	contract.CodeClientCertificate:        "Connect by TLS and show a client certificate that the gateway's `client_certificates` allow: signed by its CA, not revoked, with an allowed subject.",
	contract.CodeUpstreamTLS:              "Renew the backend's certificate, which does not verify for its name, or give its CA in `tls.ca_pem`.",
	contract.CodeUpstreamDNS:              "Correct the target's host name, or its DNS: it does not resolve.",
	contract.CodeUpstreamProtocol:         "Look at the backend's log: its answer breaks HTTP.",
	contract.CodeUpstreamForbiddenAddress: "Give the target a public address: its name leads to a private or reserved one.",
	contract.CodeLoopDetected:             "Point the upstream at your backend: it leads back to a gateway.",
	contract.CodeOverloaded:               "Try again after `Retry-After`. `detail` says what was short; [overload](overload.md) has who is refused and why.",
	contract.CodeConfigStale:              "Ask the operator: the edge is cut off for longer than the organization's `strict` setting allows. It ends by itself when the edge is back in contact.",
	contract.CodeConfigUnavailable:        "Try again after `Retry-After`, and look at the gateway's newest versions, which say why the configuration can't be used here.",
	contract.CodeOrganizationSuspended:    "Ask the organization's owner to settle it with the operator.",
	contract.CodeKeyStoreUnavailable:      "Try again after `Retry-After`: this edge has never seen the key and can't look it up.",
	contract.CodeProviderUnavailable:      "Try again after `Retry-After`: the identity provider's keys can't be fetched, and none are known.",
	contract.CodeUpstreamBusy:             "Try again after `Retry-After`; or raise the upstream's `max_requests` or its `queue`, or add targets.",
	contract.CodeCircuitOpen:              "Look at the backends: their `circuit_breaker` opened because they failed or hung. It is tried again by itself.",
	contract.CodeWebSocketVersion:         "Send `Sec-WebSocket-Version: 13`, as every WebSocket library of today does.",
	contract.CodeValidationFailed:         "Correct the fields that `errors` names: a [JSON pointer](https://www.rfc-editor.org/rfc/rfc6901) and a reason for each.",
	contract.CodeMediaType:                "Send the body in one of the content types that `detail` or the route's documentation names, with one `Content-Type`, in UTF-8, and without a `Content-Encoding` that the route does not take.",
	contract.CodeOperationUnknown:         "Check path and method: the gateway's OpenAPI document has no such operation. A `base_path` of `validate_request` that does not fit is seen like this too.",
	contract.CodeResponseInvalid:          "Look at the backend: its answer is not what `validate_response` or `transform_response` of the route can take.",
	contract.CodeAttackSuspected:          "Look at the request's decision trace: it names the rules of the `waf` policy that matched. If the request is an honest one, exclude them there.",
	contract.CodeCredentialsMissing:       "Send a user name and a password (`Authorization: Basic …`), or sign in with a browser where the route has `oidc_login`.",
	contract.CodeCredentialsInvalid:       "Check the user name and the password, or sign in again.",
	contract.CodeBotRefused:               "Call with a client that says what it is, or change the route's `bot` policy: the decision trace says which of its rules it was.",
}

// errorPage lists every code that an edge answers with, and has an entry for each
// whose heading is the code.
func errorPage() ([]byte, error) {
	var b, entries bytes.Buffer
	b.WriteString(`# Errors of the edge

Every error that the edge itself makes is [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) ` + "`application/problem+json`" + ` with a stable ` + "`code`" + ` and the request's id:

` + "```json" + `
{
  "type": "urn:tollgate:error:key_invalid",
  "title": "The API key is not valid here",
  "status": 401,
  "code": "key_invalid",
  "request_id": "01a200d8-9da7-736f-88da-9197dea90f8b"
}
` + "```" + `

The code stands in the ` + "`Tollgate-Error`" + ` header too, which is stripped from what backends send: an answer without it is the backend's. gRPC callers get the same as a gRPC status. What the edge answers itself is never billed.

With ` + "`GET /v1/gateways/{gateway}/requests/{request_id}`" + ` you see how the decision came about.

The end of ` + "`type`" + ` is the code, and each code has its entry here. ` + "`Retry-After`" + ` is sent with every 429 and 503.

| code | status | gRPC | meaning |
| --- | --- | --- | --- |
`)
	for _, c := range contract.Codes() {
		if advice[c] == "" {
			return nil, fmt.Errorf("errorpage.go: there is no advice for code %s", c)
		}
		info := c.Info()
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d | %s |\n", info.Name, info.Name, info.Status, info.GRPC, cell(info.Title))
		fmt.Fprintf(&entries, "\n## %s\n\n%d: %s.\n\n%s\n", info.Name, info.Status, info.Title, advice[c])
	}
	b.Write(entries.Bytes())
	fmt.Fprintf(&b, generatedNote, "services/contract/errors.go and gateway-edge/internal/policygen/errorpage.go")
	return b.Bytes(), nil
}
