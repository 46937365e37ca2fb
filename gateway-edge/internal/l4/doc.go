// Package l4 carries what is below HTTP: connections of TCP, flows of UDP
// datagrams, and TLS that is passed through by its server name. Nothing of what
// they carry is read or changed.
//
// Streams come from the compiled gateways of a snapshot.Table. TCP and UDP streams
// have a port each, bound while a gateway has a stream there; streams of TLS share
// the TLS port of package listen, which reads the server name (ServerName) and
// hands the connection over (ServeTLS). Each connection or flow is a session: it is
// admitted (rules for addresses, the stream's own limits, the organization's), gets
// a target of its upstream by the balancer, another one where connecting fails,
// is counted once and billed when it has reached a target, and logged at its end.
//
// A session pins the version of its gateway that it began under. A sweep each
// second ends those that have been silent for too long, whose stream or target is
// gone, or whose organization is suspended, and has their bytes counted.
//
// Memory is bounded whatever clients do: a session that waits holds no buffer, the
// tables of sessions have limits, and what one side sends is read no faster than
// the other takes it.
package l4
