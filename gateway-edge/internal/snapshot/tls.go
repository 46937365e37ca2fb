package snapshot

import (
	"crypto/tls"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// ClientPolicy finds what the gateway that answers for a handshake's server name
// asks of client certificates, with the gateway's id; nil: nothing.
func (t *Table) ClientPolicy(hello *tls.ClientHelloInfo) (*match.ClientPolicy, string) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	c := t.serving(hello, name)
	if c == nil {
		return nil, ""
	}
	return match.ClientPolicyFor(c.ClientPolicies, name), c.ID
}

// serving finds and, if need be, compiles the gateway of a server name.
func (t *Table) serving(hello *tls.ClientHelloInfo, name string) *Compiled {
	e := t.FindString(name)
	if e == nil {
		return nil
	}
	c := e.Current()
	if c == nil {
		var err error
		if c, err = e.Load(hello.Context()); err != nil {
			return nil
		}
	}
	return c
}
