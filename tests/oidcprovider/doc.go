// Command oidcprovider is a real OpenID Connect provider for the end-to-end
// tests: discovery document, JWKS, the authorization code flow (with PKCE) and the
// client_credentials grant are those of github.com/zitadel/oidc's pkg/op, in a
// process of its own, so that it can be slow, broken or away as a provider is. Its
// login page asks nothing: whoever is set as the person is signed in.
//
// The first line it prints is JSON with the issuer and the base URL of its
// control:
//
//	{"issuer":"http://127.0.0.1:40001","control":"http://127.0.0.1:40002"}
//
// A token is asked for at the issuer's token endpoint with client "test", secret
// "test-secret" and, beyond the standard's parameters, "audience" (repeatable),
// "subject", "lifetime" (a Go duration, may be negative) and "claims" (a JSON
// object):
//
//	curl -u test:test-secret -d grant_type=client_credentials -d audience=api $ISSUER/oauth/token
//
// The control answers:
//
//	POST /keys/rotate    a new signing key; the old ones stay published
//	POST /keys/retire    only the newest key stays published
//	POST /mode/ok        answer as usual
//	POST /mode/hang      accept requests and never answer them
//	POST /mode/fail      answer 503 to everything
//	POST /mode/garbage   answer 200 with something that is not JSON
//	POST /mode/huge      answer 200 with 100 MiB
//	POST /mode/redirect  answer 302 to another host
//	PUT  /redirects      redirect URIs of the client, a JSON array
//	PUT  /person         {"subject","email","email_verified","name"}: who signs in
//	PUT  /manners        {"nonce","iss","advertise","error","audience","lifetime"}: how
//	                     sign-ins that begin from now on misbehave; {} for not at all
//	PUT  /locked         {"SUBJECT": true}: whose refresh tokens are refused
//	GET  /stats          requests by path since the start
//
// It keeps everything in memory and must never stand on a public address.
package main
