// Package dnsprovider changes DNS records at where the operator's zone is kept, for
// the DNS-01 challenges of the edge domain's wildcard certificate: by dynamic update
// (RFC 2136), at Cloudflare, or through an HTTP service of the operator's own.
//
// Each provider is a libdns appender and deleter of TXT records; several values may
// stand under one name, and only the given ones are deleted.
package dnsprovider
