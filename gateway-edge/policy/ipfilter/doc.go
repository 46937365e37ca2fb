// Package ipfilter is the policy "ip_filter": it lets requests through by the
// client's address.
//
// A request costs two binary searches and nothing else. The address is the exchange's Client: the
// true one behind trusted proxies, IPv4-mapped addresses unmapped. The package
// resolves no names and keeps nothing of a request.
package ipfilter
