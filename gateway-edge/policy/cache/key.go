package cache

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"math"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
)

// Every part of a key stands behind its length, so that no two lists of parts make
// the same bytes. The tenant is no part: the cache is one gateway's alone.

// baseSeed hashes addresses of resources.
var baseSeed = maphash.MakeSeed()

func part(b []byte, t policy.Text) []byte {
	b = binary.AppendUvarint(b, uint64(t.Len()))
	return t.AppendTo(b)
}

// Kinds of identities in keys.
const (
	nobody byte = iota
	everybody
	consumer
	apiKey
	identity
)

// identify appends whose answers these are. It reports false for a caller that is
// known but has no number to go by.
func (p *cache) identify(b []byte, who *policy.Principal) ([]byte, bool) {
	kind, n := nobody, uint64(0)
	switch {
	case p.shared:
		kind = everybody
	case who == nil:
	case who.Consumer != 0:
		kind, n = consumer, who.Consumer
	case who.LimitsOf != 0:
		kind, n = apiKey, who.LimitsOf // a rotated key is its successor's
	case who.Key != 0:
		kind, n = apiKey, who.Key
	case who.Identity != 0:
		kind, n = identity, who.Identity
	default:
		return b, false
	}
	return binary.AppendUvarint(append(b, kind), n), true
}

// appendKey appends the key of a request. Where the request has none, and nothing
// is stored for its caller, whyNot says so.
func (p *cache) appendKey(b []byte, x *policy.Exchange) (_ []byte, whyNot string) {
	q := x.Request()
	b = binary.AppendUvarint(b, p.scope)
	b, ok := p.identify(b, x.Principal())
	if !ok {
		return b, "the caller has no number"
	}
	if b, ok = chosenUpstream(b, x.SentTo()); !ok {
		return b, "the upstream has no name"
	}
	b = part(b, q.Scheme)
	b = part(b, q.Host)
	b = part(b, q.Path)
	if asked := x.Asked(); asked.Equal(q.Path) {
		b = append(b, 0)
	} else {
		b = part(b, asked)
	}
	if p.query == nil {
		b = part(b, q.Query)
	} else {
		b = p.chosen(b, q.Query)
	}
	for _, n := range p.headers {
		from := len(b)
		b, ok = joined(append(b, 0, 0, 0, 0, 0), q.Header, n)
		binary.BigEndian.PutUint32(b[from:], uint32(len(b)-from))
		if ok {
			b[from+4] = 1
		}
	}
	for _, n := range p.claims {
		b = claimPart(b, x.Principal(), n)
	}
	return b, ""
}

// chosenUpstream appends which upstream a policy chose for the request: what one
// version of a service answers is no answer of another one.
func chosenUpstream(b []byte, to policy.Caller) ([]byte, bool) {
	if to == nil {
		return append(b, 0), true
	}
	u, ok := to.(interface{ Name() string })
	if !ok {
		return b, false
	}
	return part(b, policy.Static(u.Name())), true
}

// chosen appends the parameters that the configuration names, in its order.
func (p *cache) chosen(b []byte, q policy.Text) []byte {
	for i, want := range p.query {
		for name, value := range query.Each(q) {
			if query.NameIs(name, want) {
				b = part(binary.AppendUvarint(b, uint64(i+1)), value)
			}
		}
	}
	return append(b, 0)
}

// joined appends every value of a field, without white space around them, and
// reports whether there is one.
func joined(b []byte, h policy.Headers, n policy.Name) (_ []byte, given bool) {
	for v := range h.All(n) {
		if given {
			b = append(b, ',')
		}
		b, given = v.Trim().AppendTo(b), true
	}
	return b, given
}

// claimPart appends a claim by its type and value.
func claimPart(b []byte, who *policy.Principal, name string) []byte {
	if who == nil {
		return append(b, 'n')
	}
	switch v := claim.Lookup(who.Claims, name).(type) {
	case nil:
		return append(b, 'n')
	case string:
		return part(append(b, 's'), policy.Static(v))
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v))
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return append(b, 'n')
		}
		return part(append(b, 'j'), policy.Static(string(raw)))
	}
}

// base is the hash of a resource's address, whoever asks and however.
func base(buf []byte, host, path, query policy.Text) (_ []byte, hash uint64) {
	buf = part(buf, host)
	buf = part(buf, path)
	buf = part(buf, query)
	return buf, maphash.Bytes(baseSeed, buf)
}
