package main

import (
	"bytes"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
)

// advice says what somebody who gets the code can do; every code has one.
var advice = map[contract.Code]string{
	contract.CodeInternal:                 "A fault of the gateway. Try again; tell us the request id if it stays.",
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
	contract.CodeForbidden:                "The key or token lacks a scope or claim, the usage plan lacks the route, or the address is not allowed.",
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
	contract.CodeUpgradeRefused:           "The route does not take this protocol.",
	contract.CodeUpstreamUnavailable:      "Every backend is down or refuses connections. Look at the upstream's health.",
	contract.CodeUpstreamTimeout:          "The backend is slow, or the route's timeout is short.",
	contract.CodeUpstreamReset:            "The backend closed the connection before its answer was complete. Look at its log.",
	contract.CodeUpstreamTLS:              "The backend's certificate does not verify for its name. Renew it, or give its CA in `tls.ca_pem`.",
	contract.CodeUpstreamDNS:              "The backend's name does not resolve.",
	contract.CodeUpstreamProtocol:         "The backend's answer breaks HTTP. Look at its log.",
	contract.CodeUpstreamForbiddenAddress: "The backend's name leads to a private or reserved address.",
	contract.CodeLoopDetected:             "An upstream of the gateway leads back to a gateway.",
	contract.CodeOverloaded:               "Try again after `Retry-After`.",
	contract.CodeConfigStale:              "The edge is cut off for longer than the organization's `strict` setting allows.",
	contract.CodeConfigUnavailable:        "The gateway's configuration can't be used here. Its versions say why.",
	contract.CodeOrganizationSuspended:    "Ask the organization's owner.",
	contract.CodeKeyStoreUnavailable:      "Try again after `Retry-After`: this edge has never seen the key and can't look it up.",
	contract.CodeProviderUnavailable:      "Try again after `Retry-After`: the identity provider's keys can't be fetched, and none are known.",
}

// errorPage is the table of every code that an edge answers with.
func errorPage() ([]byte, error) {
	var b bytes.Buffer
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

| code | status | gRPC | meaning | what to do |
| --- | --- | --- | --- | --- |
`)
	for _, c := range contract.Codes() {
		if advice[c] == "" {
			return nil, fmt.Errorf("errorpage.go: there is no advice for code %s", c)
		}
		info := c.Info()
		fmt.Fprintf(&b, "| `%s` | %d | %d | %s | %s |\n", info.Name, info.Status, info.GRPC, cell(info.Title), cell(advice[c]))
	}
	b.WriteString("\n`Retry-After` is sent with every 429 and 503.\n")
	fmt.Fprintf(&b, generatedNote, "services/contract/errors.go and gateway-edge/internal/policygen/errorpage.go")
	return b.Bytes(), nil
}
