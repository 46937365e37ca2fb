// Package extauth is the policy "ext_auth": a service of the tenant's own decides
// whether a request goes on.
//
// It is sent what the configuration names of the request, never the body: method,
// target, client and chosen fields. A 2xx lets the request through, with chosen
// fields of the answer copied in; what the client sent under those names is
// removed in any case. Any other answer below 500 is a refusal, and is passed back
// or not as configured. A 2xx may be kept under a hash of all that was sent.
//
// The service is asked through policy.Fetch only, and only in Await. When it can't
// be asked, the request is refused unless the configuration says otherwise.
package extauth
