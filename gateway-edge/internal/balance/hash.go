package balance

import (
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Hash chooses among targets for ip_hash and consistent_hash; other algorithms
// ignore it.
type Hash uint64

// HashString hashes text the same on every edge and in every version: FNV-1a
// with a finalizer that spreads it over all bits.
func HashString[S ~string | ~[]byte](s S) Hash {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return Hash(h ^ h>>33)
}

// hasher takes from a request what an upstream hashes.
type hasher struct {
	source string
	name   string
	field  policy.Name // of a header
}

func newHasher(doc *contract.Upstream) (*hasher, error) {
	switch doc.Algorithm {
	case contract.IPHash:
		return &hasher{source: "ip"}, nil
	case contract.ConsistentHash:
	default:
		return nil, nil
	}
	h := &hasher{source: doc.HashOn.Source, name: doc.HashOn.Name}
	if h.source == "header" {
		var err error
		if h.field, err = policy.HeaderName(h.name); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Hash computes what the upstream's algorithm hashes of a request: the client's
// address, or hash_on's header, cookie, query parameter or path parameter, the
// first of its name. Where that is absent the client's address is hashed. It
// allocates nothing.
func (u *Upstream) Hash(r *policy.Request, client netip.Addr, params []policy.Param) Hash {
	if u.hash == nil {
		return 0
	}
	if v := u.hash.value(r, params); !v.Empty() {
		return HashString(policy.EngineString(v))
	}
	b := client.Unmap().As16()
	return HashString(b[:])
}

func (h *hasher) value(r *policy.Request, params []policy.Param) (v policy.Text) {
	switch h.source {
	case "header":
		v, _ = r.Header.Get(h.field)
	case "query":
		v = pair(r.Query, '&', h.name)
	case "cookie":
		for c := range r.Header.All(policy.Cookie) {
			if v = pair(c, ';', h.name); !v.Empty() {
				return v
			}
		}
	case "path_param":
		for i := range params {
			if params[i].Name == h.name {
				return params[i].Value
			}
		}
	}
	return v
}

// pair returns the value of the first "name=value" in a list.
func pair(list policy.Text, sep byte, name string) policy.Text {
	for !list.Empty() {
		part, rest, _ := list.Cut(sep)
		if n, v, ok := part.Trim().Cut('='); ok && n.Is(name) {
			return v
		}
		list = rest
	}
	return policy.Text{}
}
