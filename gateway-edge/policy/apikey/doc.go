// Package apikey is the policy "api_key": a request must carry an API key of the
// gateway.
//
// The key is found in X-API-Key, Authorization: Bearer or a query parameter,
// looked up through policy.Keys (memory first, the store when it is not known
// here yet), and taken out before the request goes on. Who calls becomes the
// exchange's principal. The package never sees how a key is stored and keeps
// nothing of a request.
//
// Descriptor is what the edge and the control plane compile; schema.json,
// README.md and testdata stand beside it.
package apikey
