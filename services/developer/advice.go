package developer

import "github.com/tollgate/tollgate/services/contract"

// advice is what a developer can do about an answer of the edge itself.
var advice = map[contract.Code]string{
	contract.CodeNoRoute:              "Check the path and the host against the API reference.",
	contract.CodeMethodNotAllowed:     "The path takes other methods: the answer's Allow header names them.",
	contract.CodeKeyMissing:           "Send one of your keys in the X-API-Key header.",
	contract.CodeKeyInvalid:           "The key is mistyped, or of another API: copy it again, or make a new one.",
	contract.CodeKeyExpired:           "The key's time is over: make a new one.",
	contract.CodeKeyRevoked:           "The key was revoked and stays so: make a new one.",
	contract.CodeAmbiguousCredentials: "Send one credential only.",
	contract.CodeCredentialsMissing:   "Sign in with one of the ways that the answer's WWW-Authenticate names.",
	contract.CodeCredentialsInvalid:   "The user name, password or certificate is not known here, or no longer: check it, or ask the owner of the API.",
	contract.CodeTokenMissing:         "Send a bearer token in the Authorization header.",
	contract.CodeTokenInvalid:         "The token is damaged, or from an issuer that this API doesn't know.",
	contract.CodeTokenExpired:         "Get a fresh token.",
	contract.CodeTokenAudience:        "Ask your identity provider for a token for this API.",
	contract.CodeForbidden:            "Your plan or key doesn't include this: choose another plan, or ask the API's owner.",
	contract.CodeQuotaExceeded:        "Your plan's quota is used up: wait until it is renewed, or choose a larger plan.",
	contract.CodeRateLimited:          "Slow down: wait as long as Retry-After says, then go on.",
	contract.CodeConcurrencyExceeded:  "Wait for the answer to one request before you send the next.",
	contract.CodeRequestInvalid:       "The request is malformed: the answer's detail says where.",
	contract.CodeValidationFailed:     "The request doesn't fit the API's description: the answer's errors name every field that is wrong.",
	contract.CodeOperationUnknown:     "Check the path and the method against the API reference.",
	contract.CodeMediaType:            "Send the body in a content type that the API takes: see its reference.",
	contract.CodeAttackSuspected:      "Something in the request looks like an attack: if it is meant so, tell the API's owner the request's id.",
	contract.CodeBotRefused:           "The API takes no automated clients of this kind: use one that says who it is.",
	contract.CodeRequestTimeout:       "Send the request faster, or in smaller parts.",
	contract.CodeBodyTooLarge:         "Send a smaller body.",
	contract.CodeURITooLong:           "Send a shorter address.",
	contract.CodeHeadersTooLarge:      "Send fewer or shorter header fields.",
	contract.CodeUpgradeRefused:       "This API doesn't offer that protocol here.",
}

// Advice says what a code means and what a developer can do about it. Everything
// that is not in the caller's hands gets one sentence.
func Advice(code string) (title, what string) {
	c, ok := contract.CodeByName(code)
	if !ok {
		return "", ""
	}
	what = advice[c]
	if what == "" {
		what = "The fault isn't yours: try again in a moment. If it stays, tell the API's owner the request's id."
	}
	return c.Info().Title, what
}
