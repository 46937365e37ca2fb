// Package api holds openapi.yaml, the one source of the management API: the
// server, the clients and the documentation are all made from it.
package api
