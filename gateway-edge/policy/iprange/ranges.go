package iprange

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// addrRange is the addresses from first to last, both included, of one family.
type addrRange struct{ first, last netip.Addr }

// Ranges are sorted and do not overlap. IPv4 stands before IPv6, as
// netip.Addr.Compare sorts.
type Ranges []addrRange

// Compile reads a list of addresses and networks. What can't be read is added to
// errs at the list's pointer.
func Compile(list []string, pointer string, errs *contract.FieldErrors) Ranges {
	if len(list) > MaxEntries {
		errs.Add(pointer, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), MaxEntries))
		return nil
	}
	var out Ranges
	for i, s := range list {
		r, err := parse(s)
		if err != nil {
			errs.Add(pointer+contract.Pointer(i), err.Error())
			continue
		}
		out = append(out, r)
	}
	return out.merge()
}

// MaxEntries bounds a list.
const MaxEntries = 1000

// parse reads an address or a network. IPv4-mapped forms are unmapped, so that
// one address has one form.
func parse(s string) (addrRange, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return addrRange{}, fmt.Errorf("%.64q is neither an address nor a network such as 203.0.113.0/24", s)
		}
		if a.Zone() != "" {
			return addrRange{}, errors.New("an address with a zone means something on one machine only")
		}
		a = a.Unmap()
		return addrRange{a, a}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return addrRange{}, fmt.Errorf("%.64q is neither an address nor a network such as 203.0.113.0/24", s)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return addrRange{}, fmt.Errorf("%s is a network of IPv4-mapped addresses: write it as IPv4", s)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p.Masked() != p {
		return addrRange{}, fmt.Errorf("%s has bits set behind its length; did you mean %s?", s, p.Masked())
	}
	return addrRange{p.Addr(), last(p)}, nil
}

// last is the highest address of a network.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// merge sorts the ranges and joins those that touch or overlap.
func (r Ranges) merge() Ranges {
	slices.SortFunc(r, func(a, b addrRange) int { return a.first.Compare(b.first) })
	out := r[:0]
	for _, n := range r {
		if len(out) > 0 {
			l := &out[len(out)-1]
			if next := l.last.Next(); n.first.Compare(l.last) <= 0 || next.IsValid() && next == n.first {
				if n.last.Compare(l.last) > 0 {
					l.last = n.last
				}
				continue
			}
		}
		out = append(out, n)
	}
	return out
}

// Contains reports whether a lies in one of the ranges. IPv4-mapped addresses and
// zones are looked at as what they stand for; an invalid address lies in none.
func (r Ranges) Contains(a netip.Addr) bool {
	if a = a.Unmap(); a.Zone() != "" {
		a = a.WithZone("")
	}
	lo, hi := 0, len(r)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if r[mid].last.Compare(a) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(r) && r[lo].first.Compare(a) <= 0
}
