// Package resolver looks DNS records up that prove who controls a domain.
//
// It asks the system's resolver, or the one server that the operator names
// (TOLLGATE_DNS_RESOLVER), and tells "there is no such record" from "nobody
// answered": a domain must not lapse because a name server is down. It keeps
// nothing: a record that was set a second ago is seen.
package resolver
