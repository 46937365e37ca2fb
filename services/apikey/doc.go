// Package apikey is the domain of API keys: issue, list, change, rotate with an
// overlap, revoke. A key belongs to a consumer of one gateway; its secret is
// shown once, in the answer that made it, and is stored only as an HMAC under a
// pepper that the database does not hold.
//
// Each change of a key raises its version and leaves an outbox row in the same
// transaction; the publisher sends the key's record to the edges, which never go
// back to a lower version. Expiry needs no event: the record carries its time.
//
// The package opens nothing and knows neither rows nor Redis nor HTTP; it must
// not import another domain. What it needs of gateways and consumers it asks of
// its Store, what it needs of plans of Limits.
package apikey
