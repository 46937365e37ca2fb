package resolver

import (
	"context"
	"errors"
	"net"
)

// Resolver asks for records. It is safe for concurrent use.
type Resolver struct{ r *net.Resolver }

// New makes a resolver that asks server ("host:port"), or the system's with "".
func New(server string) (*Resolver, error) {
	if server == "" {
		return &Resolver{net.DefaultResolver}, nil
	}
	if _, port, err := net.SplitHostPort(server); err != nil || port == "" {
		return nil, errors.New("TOLLGATE_DNS_RESOLVER must be host:port of a name server, such as 1.1.1.1:53")
	}
	return &Resolver{&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}}, nil
}

// TXT returns the text records of a name, none when there are none. CNAMEs are
// followed. An error says that it is not known whether there are any.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	out, err := r.r.LookupTXT(ctx, name+".")
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil, nil
	}
	if errors.As(err, &dns) {
		return nil, errors.New(dns.Err) // without the server's address
	}
	return out, err
}
