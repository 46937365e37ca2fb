package cache

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "cache",
	Phase:    policy.PhaseCache,
	Response: policy.Need{Mode: policy.NeedStream, SameLength: true},
	New:      New,
}

// Config is the policy's configuration.
type Config struct {
	// TTL stands in for the freshness that the origin gives, DefaultTTL where it
	// gives none.
	TTL        *contract.Duration `json:"ttl"`
	DefaultTTL *contract.Duration `json:"default_ttl"`
	// Heuristic: a response without freshness is fresh for a tenth of its age since
	// it was last modified, at most a day.
	Heuristic bool `json:"heuristic"`
	// StoreErrors stores errors to which the origin gives a freshness; ErrorTTL gives
	// one to those of a status that have none.
	StoreErrors bool                         `json:"store_errors"`
	ErrorTTL    map[string]contract.Duration `json:"error_ttl"`
	// StaleWhileRevalidate and StaleIfError hold where the origin says neither.
	StaleWhileRevalidate contract.Duration `json:"stale_while_revalidate"`
	StaleIfError         contract.Duration `json:"stale_if_error"`
	// Identity is whose answers are shared: "consumer" or "all".
	Identity string `json:"identity"`
	// Scope is where a key is looked up: the "route" alone, or the whole "gateway".
	Scope string `json:"scope"`
	Key   Key    `json:"key"`
	// ClientCacheControl is "honor" or "ignore".
	ClientCacheControl string `json:"client_cache_control"`
	// MaxBody bounds a stored body, in bytes.
	MaxBody int64 `json:"max_body"`
	// Collapse lets requests for one key wait for the first of them, at most
	// CollapseWait.
	Collapse     bool              `json:"collapse"`
	CollapseWait contract.Duration `json:"collapse_wait"`
	// TagHeader is the response's field with surrogate keys; "" for none.
	TagHeader string `json:"tag_header"`
	// CacheStatus says with each answer what the cache did.
	CacheStatus bool `json:"cache_status"`
}

// Key is what a key holds besides the address.
type Key struct {
	// Query are the parameters that count; nil: the whole query.
	Query   *[]string `json:"query"`
	Headers []string  `json:"headers"`
	Claims  []string  `json:"claims"`
}

// Bounds of a configuration.
const (
	maxList  = 20
	maxName  = 256
	maxBody  = 64 << 20
	maxTTL   = 365 * 24 * time.Hour
	maxWait  = 9 * time.Second // below what the edge lets a policy wait
	maxTags  = 128             // of one response
	maxTag   = 256             // bytes
	maxAhead = 4096            // bytes of a key
)

func defaults() Config {
	return Config{
		Identity: "consumer", Scope: "route", ClientCacheControl: "honor", MaxBody: 1 << 20,
		Collapse: true, CollapseWait: contract.Duration(5 * time.Second), TagHeader: "Surrogate-Key", CacheStatus: true,
	}
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := defaults()
	p := &cache{store: d.Cache, wall: d.Wall}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.checkTimes(errs)
		p.shared = oneWord(c.Identity, "/identity", "all", "consumer", errs)
		if !oneWord(c.Scope, "/scope", "gateway", "route", errs) {
			p.scope = 1 + d.Scope.RouteNum
		}
		p.ignoreClient = oneWord(c.ClientCacheControl, "/client_cache_control", "ignore", "honor", errs)
		if c.MaxBody < 1 || c.MaxBody > maxBody {
			errs.Add("/max_body", fmt.Sprintf("must be 1 to %d bytes", maxBody))
		}
		p.headers = headerNames(c.Key.Headers, "/key/headers", errs)
		texts(c.Key.Claims, "/key/claims", errs)
		if c.Key.Query != nil {
			texts(*c.Key.Query, "/key/query", errs)
			p.query = append([]string{}, *c.Key.Query...)
		}
		if c.TagHeader != "" {
			n, err := policy.HeaderName(c.TagHeader)
			if err != nil {
				errs.Add("/tag_header", err.Error())
			}
			p.tags = n
		}
		p.errorTTL = errorTTLs(c.ErrorTTL, errs)
	})
	if err != nil {
		return nil, err
	}
	p.c, p.claims = c, c.Key.Claims
	if d.Scope.Upstream != "" && d.Upstream != nil {
		if p.upstream, err = d.Upstream(d.Scope.Upstream); err != nil {
			return nil, err
		}
	}
	if d.State != nil {
		p.flights = d.State("cache/flights", func() any { return &flights{} }).(*flights)
	}
	return p, nil
}

func (c *Config) checkTimes(errs *contract.FieldErrors) {
	span := func(d contract.Duration, at string, limit time.Duration) {
		if d < 0 || d.Std() > limit {
			errs.Add(at, "must be 0s to "+limit.String())
		}
	}
	if c.TTL != nil {
		span(*c.TTL, "/ttl", maxTTL)
	}
	if c.DefaultTTL != nil {
		span(*c.DefaultTTL, "/default_ttl", maxTTL)
	}
	span(c.StaleWhileRevalidate, "/stale_while_revalidate", maxTTL)
	span(c.StaleIfError, "/stale_if_error", maxTTL)
	if c.CollapseWait < contract.Duration(time.Millisecond) || c.CollapseWait.Std() > maxWait {
		errs.Add("/collapse_wait", "must be 1ms to "+maxWait.String())
	}
}

// oneWord reports whether the word is yes; it must be yes or no.
func oneWord(word, at, yes, no string, errs *contract.FieldErrors) bool {
	if word != yes && word != no {
		errs.Add(at, "must be "+no+" or "+yes)
	}
	return word == yes
}

func headerNames(list []string, at string, errs *contract.FieldErrors) (out []policy.Name) {
	if len(list) > maxList {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
		return nil
	}
	for i, s := range list {
		n, err := policy.HeaderName(s)
		if err != nil {
			errs.Add(at+contract.Pointer(i), err.Error())
		}
		out = append(out, n)
	}
	return out
}

func texts(list []string, at string, errs *contract.FieldErrors) {
	if len(list) > maxList {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
		return
	}
	for i, s := range list {
		if s == "" || len(s) > maxName {
			errs.Add(at+contract.Pointer(i), fmt.Sprintf("has 1 to %d bytes", maxName))
		}
	}
}

func errorTTLs(m map[string]contract.Duration, errs *contract.FieldErrors) map[int]int64 {
	out := make(map[int]int64, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d := m[k]
		n, err := strconv.Atoi(k)
		if err != nil || n < 400 || n > 599 || len(k) != 3 {
			errs.Add("/error_ttl"+contract.Pointer(k), "must be a status from 400 to 599")
			continue
		}
		if d <= 0 || d.Std() > 24*time.Hour {
			errs.Add("/error_ttl"+contract.Pointer(k), "must be more than 0s and at most 24h")
		}
		out[n] = int64(d)
	}
	return out
}

// cache is immutable; what it stores is the edge's.
type cache struct {
	c            Config
	store        policy.Cache // nil in a check of a configuration: nothing is stored
	flights      *flights
	upstream     policy.Caller // nil: what is stale is asked about by a request only
	wall         func() time.Time
	scope        uint64 // 0: the gateway's
	shared       bool
	ignoreClient bool
	query        []string // nil: all of it
	headers      []policy.Name
	claims       []string
	tags         policy.Name // the zero Name: none
	errorTTL     map[int]int64
}

var (
	_ policy.Policy    = (*cache)(nil)
	_ policy.Waiter    = (*cache)(nil)
	_ policy.Responder = (*cache)(nil)
	_ policy.Finisher  = (*cache)(nil)
)
