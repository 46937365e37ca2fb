package snapshot

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Stream is one stream of a Compiled gateway.
type Stream struct {
	Doc         *contract.Stream
	Upstream    *balance.Upstream
	Meter       *meter.Route
	Allow, Deny []netip.Prefix
}

// Names under which streams stand in the table beside hosts, in which no slash
// can be: so that a stream is found, also after a start from disk, before its
// gateway is compiled.
func portName(transport string, port int) string { return transport + "/" + strconv.Itoa(port) }

const sniName = contract.StreamTLS + "/"

// claims are all names that a document's gateway is found by.
func claims(doc *contract.Gateway) []string {
	if len(doc.Streams) == 0 {
		return doc.Hosts
	}
	out := append([]string(nil), doc.Hosts...)
	for i := range doc.Streams {
		s := &doc.Streams[i]
		for _, h := range s.SNI {
			out = append(out, sniName+strings.TrimPrefix(h, "*"))
		}
		if s.Port != 0 {
			out = append(out, portName(s.Transport(), s.Port))
		}
	}
	return out
}

func hasStreams(names []string) bool {
	for _, n := range names {
		if strings.Contains(n, "/") {
			return true
		}
	}
	return false
}

// StreamsMoved yields after the streams of some gateway have come, changed or gone.
func (t *Table) StreamsMoved() <-chan struct{} { return t.moved }

func (t *Table) streamsMoved() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// AtPort returns the gateway that has a stream at a port; transport is tcp or udp.
func (t *Table) AtPort(transport string, port int) *Entry {
	return t.hosts.get(portName(transport, port))
}

// AtServerName returns the gateway that may have a stream for a canonical server
// name, nil for none: an exact one first, then a wildcard of one label. Where a
// gateway answers for the name as a host it is that one, whoever claims the name
// for a stream: who has a wildcard has not the hosts below it that are another's.
func (t *Table) AtServerName(name string) *Entry {
	if name == "" || name[0] == '.' {
		return nil
	}
	e := t.hosts.get(sniName + name)
	if e == nil {
		if i := strings.IndexByte(name, '.'); i > 0 {
			e = t.hosts.get(sniName + name[i:])
		}
	}
	if e == nil {
		return nil
	}
	if owner := t.FindString(name); owner != nil {
		return owner
	}
	return e
}

// Stream returns the compiled stream at a port, nil for none.
func (c *Compiled) Stream(transport string, port int) *Stream {
	for _, s := range c.Streams {
		if s.Doc.Port == port && s.Doc.Transport() == transport {
			return s
		}
	}
	return nil
}

// StreamOf returns the compiled stream for a server name, nil for none.
func (c *Compiled) StreamOf(name string) *Stream {
	var wild *Stream
	for _, s := range c.Streams {
		for _, h := range s.Doc.SNI {
			if h == name {
				return s
			}
			if match.HostMatches(h, name) {
				wild = s
			}
		}
	}
	return wild
}

// StreamByNum returns the compiled stream with a number, nil for none.
func (c *Compiled) StreamByNum(num uint64) *Stream {
	for _, s := range c.Streams {
		if s.Doc.Num == num {
			return s
		}
	}
	return nil
}

// streams compiles the document's streams.
func (b *builder) streams(errs *contract.FieldErrors) []*Stream {
	if len(b.doc.Streams) == 0 {
		return nil
	}
	*errs = append(*errs, match.CheckStreams(b.doc)...)
	out := make([]*Stream, 0, len(b.doc.Streams))
	for i := range b.doc.Streams {
		d := &b.doc.Streams[i]
		s := &Stream{
			Doc: d, Upstream: b.ups[d.Upstream],
			Meter: meter.NewRoute(b.doc.OrganizationNum, b.doc.Num, d.Num, b.doc.Mode == contract.ModeTest),
			Allow: prefixes(d.Allow), Deny: prefixes(d.Deny),
		}
		if s.Upstream == nil {
			errs.Add(contract.Pointer("streams", i, "upstream"), "there is no usable upstream of this name")
		}
		out = append(out, s)
	}
	return out
}

// prefixes parses what CheckStreams has found good; what it did not is left out,
// in a document that is refused.
func prefixes(list []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		if p, err := match.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}
