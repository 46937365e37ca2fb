package extauth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	maxAnswer = 64 << 10
	// maxQuestion bounds what is hashed to find a kept answer: a longer question is
	// always asked.
	maxQuestion = 4 << 10
	maxValue    = 8 << 10
)

// answer is what the authoriser said.
type answer struct {
	status int
	header map[string][]string
	body   []byte
}

// entry is a kept 2xx. It is immutable but for what is known of the consumer.
type entry struct {
	hash   [32]byte
	until  int64    // CLOCK_BOOTTIME
	values []string // of the copied fields, "" where the answer had none
	known  *caller.Known
	weight int
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(boot, _ int64) bool { return boot < e.until }

// Weight implements memo.Entry.
func (e *entry) Weight() int { return e.weight }

// question is the hash of all that is sent, each part with its length before it;
// ok is false for one that is too long to be kept.
func (p *authoriser) question(x *policy.Exchange) (hash [32]byte, ok bool) {
	var buf [maxQuestion]byte
	b := append(buf[:0], p.print[:]...)
	q := x.Request()
	add := func(t policy.Text) {
		if ok = ok && len(b)+4+t.Len() <= maxQuestion; ok {
			b = binary.BigEndian.AppendUint32(b, uint32(t.Len()))
			b = t.AppendTo(b)
		}
	}
	ok = true
	for _, t := range [...]policy.Text{q.Method, q.Scheme, q.Host, q.Path, q.Query} {
		add(t)
	}
	name := ""
	if who := x.Principal(); who != nil {
		name = who.ConsumerName
	}
	add(policy.Static(name))
	a := x.Client().As16()
	if len(b)+len(a)+1 > maxQuestion {
		return hash, false
	}
	b = append(b, a[:]...)
	if x.Principal() != nil { // somebody without a name is not nobody
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for i, n := range p.send {
		if len(b)+4 > maxQuestion {
			return hash, false
		}
		b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(i))
		for v := range q.Header.All(n) {
			add(v)
		}
	}
	return sha256.Sum256(b), ok
}

// request is what the authoriser gets: the names are those that proxies use.
func (p *authoriser) request(x *policy.Exchange) *policy.FetchRequest {
	q := x.Request()
	target := q.Path.Clone() // canonical, as it is sent on
	if !q.Query.Empty() {
		target += "?" + q.Query.Clone()
	}
	r := &policy.FetchRequest{
		Method: "GET", URL: p.config.URL, Limit: maxAnswer, Timeout: p.config.Timeout.Std(),
		Header: map[string][]string{
			"X-Forwarded-Method": {q.Method.Clone()}, "X-Forwarded-Proto": {q.Scheme.Clone()}, "X-Forwarded-Host": {q.Host.Clone()},
			"X-Forwarded-Uri": {target}, "X-Forwarded-For": {x.Client().String()}, "X-Request-Id": {x.RequestID().Clone()},
		},
	}
	for _, n := range p.send {
		var values []string
		for v := range q.Header.All(n) {
			values = append(values, v.Clone())
		}
		if values != nil {
			r.Header[n.String()] = values
		}
	}
	if p.token != "" {
		r.Header["Tollgate-Authorization"] = []string{"Bearer " + p.token}
	}
	if who := x.Principal(); who != nil {
		r.Header["Tollgate-Consumer"] = []string{who.ConsumerName}
	}
	return r
}

// ask asks the authoriser. An answer of 500 and above is a failure. A refusal is one
// whatever becomes of its body.
func (p *authoriser) ask(b policy.Blocking, r *policy.FetchRequest) (*answer, error) {
	got, err := p.fetch.Do(b, r)
	if err != nil && (got == nil || got.Status < 300) {
		return nil, err
	}
	if got.Status >= 500 || got.Status < 200 {
		return nil, fmt.Errorf("the authoriser answered %d", got.Status)
	}
	return &answer{got.Status, got.Header, got.Body}, nil
}

// admitted makes an entry of a 2xx; false where the answer names nobody, or can't
// stand in the fields.
func (p *authoriser) admitted(a *answer, hash [32]byte, now int64) (*entry, bool) {
	e := &entry{hash: hash, until: now + int64(p.config.Cache), values: make([]string, len(p.copied)), weight: 512}
	for i, n := range p.copied {
		v, ok := field(a.header, n.String())
		if !ok {
			return nil, false
		}
		e.values[i] = v
		e.weight += len(v)
	}
	if p.config.ConsumerHeader == "" {
		return e, true
	}
	name, ok := field(a.header, p.config.ConsumerHeader)
	if !ok || name == "" || len(name) > contract.MaxConsumerName {
		return nil, false
	}
	e.known = &caller.Known{}
	e.known.Set(&policy.Principal{Kind: policy.KindToken, KeyDisplay: memo.Display("ext_", &hash), ConsumerName: name}, p.identities, p.config.URL, name)
	return e, true
}

// field is a field of an answer, several joined; "" where there is none.
func field(h map[string][]string, name string) (string, bool) {
	for k, v := range h {
		if strings.EqualFold(k, name) {
			s := strings.Join(v, ", ")
			return s, len(s) <= maxValue && fieldedit.Legal(s)
		}
	}
	return "", true
}
