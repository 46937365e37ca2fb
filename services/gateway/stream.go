package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// PortReserved is how long nobody of another organization gets a port that a
// stream had: its clients may still come.
const PortReserved = 24 * time.Hour

// PortRange is the operator's range of ports for streams; the zero range has none.
type PortRange struct{ First, Last int }

func (r PortRange) String() string { return strconv.Itoa(r.First) + "-" + strconv.Itoa(r.Last) }

func (r PortRange) has(port int) bool { return r.First > 0 && port >= r.First && port <= r.Last }

// StreamPort is a port of all edges. TCP and UDP have ports of their own.
type StreamPort struct {
	Transport string // tcp or udp
	Port      int
}

// portOf is the port that a stream has; ok is false for one that is found by
// server name.
func portOf(v *contract.Stream) (StreamPort, bool) {
	return StreamPort{v.Transport(), v.Port}, v.Protocol != contract.StreamTLS
}

// choosePorts gives a port to each stream of a draft that names none: the one that
// it had, else the first free one. Ports that are named must be free.
func (s *Service) choosePorts(before *Config, d *draft) (errs contract.FieldErrors, err error) {
	if !slices.ContainsFunc(d.config.Streams, func(v contract.Stream) bool { return v.Protocol != contract.StreamTLS }) {
		return nil, nil
	}
	list, err := d.taken()
	if err != nil {
		return nil, err
	}
	c := chooser{ports: s.ports, taken: map[StreamPort]bool{}, had: map[string]StreamPort{}}
	for _, p := range list {
		c.taken[p] = true
	}
	for i := range before.Streams {
		if p, ok := portOf(&before.Streams[i]); ok {
			c.had[before.Streams[i].ID] = p
		}
	}
	// Those that name a port come first: no other is given it.
	for i := range d.config.Streams {
		if v := &d.config.Streams[i]; v.Port != 0 {
			if p, ok := portOf(v); ok {
				c.check(&errs, contract.Pointer("streams", i, "port"), v.ID, p)
				c.taken[p] = true
			}
		}
	}
	for i := range d.config.Streams {
		if v := &d.config.Streams[i]; v.Port == 0 && (v.Protocol == contract.StreamTCP || v.Protocol == contract.StreamUDP) {
			if v.Port = c.choose(v); v.Port == 0 {
				errs.Add(contract.Pointer("streams", i, "port"), c.none(v.Transport()))
			}
		}
	}
	return errs, nil
}

// chooser knows which ports are free for one gateway.
type chooser struct {
	ports PortRange
	taken map[StreamPort]bool
	had   map[string]StreamPort // by the stream's id
}

// check reports a port that the stream can't have.
func (c *chooser) check(errs *contract.FieldErrors, at, id string, p StreamPort) {
	switch {
	case c.had[id] == p:
	case c.ports.First == 0:
		errs.Add(at, c.none(p.Transport))
	case !c.ports.has(p.Port):
		errs.Add(at, fmt.Sprintf("must be one of %s; %s", c.ports, c.free(p.Transport)))
	case c.taken[p]:
		errs.Add(at, fmt.Sprintf("%d is taken for %s; %s", p.Port, p.Transport, c.free(p.Transport)))
	}
}

// choose returns the port that a stream had, else a free one, 0 for none.
func (c *chooser) choose(v *contract.Stream) int {
	p, ok := c.had[v.ID]
	if !ok || p.Transport != v.Transport() || c.taken[p] {
		p = StreamPort{v.Transport(), c.ports.First}
		for c.taken[p] {
			p.Port++
		}
		if !c.ports.has(p.Port) {
			return 0
		}
	}
	c.taken[p] = true
	return p.Port
}

func (c *chooser) none(transport string) string {
	if c.ports.First == 0 {
		return "the operator of this Tollgate has set no ports for streams (TOLLGATE_STREAM_PORTS); streams of protocol tls need none"
	}
	return fmt.Sprintf("every port of %s is taken for %s: ask the operator for a larger range, or delete a stream", c.ports, transport)
}

// free names the free ports as ranges, the first few of them.
func (c *chooser) free(transport string) string {
	const most = 5
	var parts []string
	for n := c.ports.First; n <= c.ports.Last; n++ {
		if c.taken[StreamPort{transport, n}] {
			continue
		}
		from := n
		for n < c.ports.Last && !c.taken[StreamPort{transport, n + 1}] {
			n++
		}
		if len(parts) == most {
			parts = append(parts, "…")
			break
		}
		if part := strconv.Itoa(from); from == n {
			parts = append(parts, part)
		} else {
			parts = append(parts, part+"-"+strconv.Itoa(n))
		}
	}
	if len(parts) == 0 {
		return c.none(transport)
	}
	return "free are " + strings.Join(parts, ", ") + "; without a port one is chosen"
}

// keepPorts writes the ports of a changed configuration.
func (s *Service) keepPorts(tx Tx, g *Gateway, changes []Change, now *Config) error {
	if !slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == ChangeStream }) {
		return nil
	}
	var ports []StreamPort
	for i := range now.Streams {
		if p, ok := portOf(&now.Streams[i]); ok {
			ports = append(ports, p)
		}
	}
	lost, err := tx.KeepPorts(g.Organization, g.ID, ports, s.clock().Add(PortReserved))
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return core.Errorf(core.CodeConflict, "port %d (%s) was taken by somebody else just now: try again, or without a port", lost[0].Port, lost[0].Transport)
	}
	return nil
}

// movedStreams are streams for another gateway: under its own host name, and with
// ports of its own, the same where it has a stream of that name already.
func (s *Service) movedStreams(from []contract.Stream, host string, d *draft) []contract.Stream {
	own := s.ownHost(d)
	out := make([]contract.Stream, len(from))
	for i, v := range from {
		v.Port = 0
		if at := streams.find(&d.config, v.Name); at >= 0 && d.config.Streams[at].Transport() == v.Transport() {
			v.Port = d.config.Streams[at].Port
		}
		v.SNI = slices.Clone(v.SNI)
		for k, h := range v.SNI {
			if name, ok := strings.CutSuffix(h, "."+host); ok {
				v.SNI[k] = name + "." + own
			}
		}
		out[i] = v
	}
	return out
}

// dropLapsedNames takes server names out of a document that are under domains
// which are not served: a stream for those alone goes with them.
func dropLapsedNames(doc *contract.Gateway) {
	var out []contract.Stream
	for _, v := range doc.Streams {
		if v.Protocol == contract.StreamTLS {
			v.SNI = slices.DeleteFunc(slices.Clone(v.SNI), func(h string) bool { return !match.MayServe(doc, h) })
			if len(v.SNI) == 0 {
				continue
			}
		}
		out = append(out, v)
	}
	doc.Streams = out
}
