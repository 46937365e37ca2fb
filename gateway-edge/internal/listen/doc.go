// Package listen accepts the clients' connections and gives each to the engine
// that speaks its protocol: HTTP/1.1 in clear text and over TLS to conn, HTTP/2 to
// std. On the clear-text port a connection that begins with the preface of HTTP/2
// is HTTP/2; on the TLS port ALPN tells. HTTP/3 comes over QUIC at the UDP port
// beside that of TLS, to std too.
//
// PROXY protocol headers (v1 and v2) are read from trusted proxies only; whoever
// else sends one sends a malformed request. The number of connections is bounded,
// in all and for each address, TCP and QUIC together.
package listen
