package graphql

import (
	"encoding/json"
	"net/url"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// persisted lets GraphQL pass whose query is known by its hash.
type persisted struct {
	only  bool              // registered ones alone
	known map[string]string // by name and by hash
	shown *store            // by clients; nil with only, and in a dry run
	route string            // what is shown on a route, within its limits, is known there alone
	max   int64
}

// Needs is policy.Needer.
func (p *persisted) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: p.max}, policy.Need{}
}

// WantsBody is policy.Chooser.
func (p *persisted) WantsBody(x *policy.Exchange, s policy.Side) bool {
	return s == policy.OnTheRequest && isJSON(x.Request().Header)
}

// asked is a request of GraphQL as a client sends it.
type asked struct {
	request
	ID string `json:"id"`
	// DocumentID is what some clients call it.
	DocumentID string `json:"documentId"`
}

// OnRequest finds the query.
func (p *persisted) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	m := &x.Request().Method
	if !m.Is("POST") && !m.Is("GET") {
		return p.other(x)
	}
	a, ok := read(x)
	if !ok {
		return p.other(x)
	}
	return p.operation(x, &a)
}

// other decides about what is no request of GraphQL.
func (p *persisted) other(x *policy.Exchange) policy.Action {
	if p.only {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "is no request of GraphQL: one operation, as JSON by POST or as a query by GET")
	}
	return x.Next()
}

func (p *persisted) operation(x *policy.Exchange, a *asked) policy.Action {
	sum, ok := a.sum()
	if !ok {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "extensions.persistedQuery needs version 1 and a sha256Hash in hexadecimal")
	}
	if a.Query != "" && sum != "" && hash(a.Query) != sum {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the sha256Hash is not that of the query")
	}
	if id := a.name(); sum == "" && id != "" && a.Query == "" {
		sum = id
	}
	text := p.known[sum]
	if text == "" && a.Query != "" {
		text = p.known[hash(a.Query)]
	}
	switch {
	case text != "":
	case p.only:
		return x.RejectDetail(contract.CodeForbidden, 0, "only registered operations are let through")
	case a.Query != "":
		if text = a.Query; sum != "" && p.shown != nil {
			p.shown.add(p.route+sum, text)
		}
	default:
		if p.shown != nil {
			text = p.shown.get(p.route + sum)
		}
		if text == "" {
			return x.Answer(200, "application/json", notFound)
		}
	}
	if !x.Request().Method.Is("POST") && !onlyReads(text) {
		x.Response().Header.Set(policy.Allow, "POST")
		return x.RejectDetail(contract.CodeMethodNotAllowed, 0, "a mutation is a POST")
	}
	a.Query = text
	delete(a.Extensions, "persistedQuery")
	return a.send(x, nil)
}

// notFound makes clients send the query along (Apollo's protocol of automatic
// persisted queries).
var notFound = []byte(`{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}`)

func (a *asked) name() string {
	if a.ID != "" {
		return a.ID
	}
	return a.DocumentID
}

// sum is the hash that the client gives; ok is false for a malformed one.
func (a *asked) sum() (sum string, ok bool) {
	raw := a.Extensions["persistedQuery"]
	if raw == nil {
		return "", true
	}
	var e struct {
		Version int    `json:"version"`
		Hash    string `json:"sha256Hash"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Version != 1 || len(e.Hash) != 64 {
		return "", false
	}
	for i := range len(e.Hash) {
		if c := e.Hash[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return e.Hash, true
}

// read reads a request of GraphQL over HTTP: JSON by POST, parameters by GET.
// Batches are none.
func read(x *policy.Exchange) (a asked, ok bool) {
	r := x.Request()
	if r.Method.Is("POST") {
		if !isJSON(r.Header) || r.Header.Has(policy.ContentEncoding) || json.Unmarshal(bodyOf(x), &a) != nil {
			return asked{}, false
		}
		return a, a.Query != "" || a.name() != "" || a.Extensions["persistedQuery"] != nil
	}
	v, err := url.ParseQuery(r.Query.Clone())
	if err != nil {
		return asked{}, false
	}
	for name, into := range map[string]any{"variables": &a.Variables, "extensions": &a.Extensions} {
		if s := v.Get(name); s != "" && json.Unmarshal([]byte(s), into) != nil {
			return asked{}, false
		}
	}
	a.Query, a.OperationName, a.ID, a.DocumentID = v.Get("query"), v.Get("operationName"), v.Get("id"), v.Get("documentId")
	return a, a.Query != "" || a.name() != "" || a.Extensions["persistedQuery"] != nil
}

// Bounds of a gateway's store.
const (
	maxShown      = 2 << 20 // bytes
	maxShownQuery = maxOperation
	entryCost     = 200 // bytes beside the text
)

// store keeps the queries that clients have shown, the least recently used go first.
type store struct {
	mu      sync.Mutex
	entries map[string]*entry // guarded by mu, like the rest
	size    int
	newest  *entry
	oldest  *entry
}

type entry struct {
	sum, text    string
	newer, older *entry
}

// get returns "" for a query that nobody has shown.
func (s *store) get(sum string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[sum]
	if e == nil {
		return ""
	}
	s.unlink(e)
	s.link(e)
	return e.text
}

// add keeps a query whose hash was checked.
func (s *store) add(sum, text string) {
	if len(text) > maxShownQuery {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[sum] != nil {
		return
	}
	e := &entry{sum: sum, text: text}
	s.entries[sum] = e
	s.size += len(text) + entryCost
	s.link(e)
	for s.size > maxShown {
		old := s.oldest
		s.unlink(old)
		delete(s.entries, old.sum)
		s.size -= len(old.text) + entryCost
	}
}

func (s *store) link(e *entry) {
	e.older, e.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = e
	}
	if s.newest = e; s.oldest == nil {
		s.oldest = e
	}
}

func (s *store) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
}

var (
	_ policy.Needer  = (*persisted)(nil)
	_ policy.Chooser = (*persisted)(nil)
)
