// Package nginx makes routes and upstreams of an nginx configuration: its upstream
// and server blocks of the common kind. A directive that is not known is refused with
// its line, never skipped.
package nginx
