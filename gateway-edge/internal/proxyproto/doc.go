// Package proxyproto reads and writes the headers of the PROXY protocol, versions
// 1 and 2 (haproxy.org, "The PROXY protocol", 2020-03-05), by which a proxy tells
// who its client is.
//
// Whoever reads one must know before that the sender is to be believed: the
// package judges bytes, not senders. What is malformed is an error, never payload.
// A header's length is bounded; TLVs are skipped.
package proxyproto
