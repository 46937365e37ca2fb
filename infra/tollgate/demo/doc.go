// Package demo seeds a fresh `tollgate up` through the management API, as a
// customer would: an organization, a gateway, an upstream over two echo backends
// of its own, a route, a usage plan with a small quota, a consumer and a key.
//
// It knows the API's addresses only. What it made it keeps in one file of the
// data directory, so that the second start prints the same line.
package demo
