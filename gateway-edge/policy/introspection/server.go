package introspection

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/throttle"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	maxAnswer = 64 << 10
	maxDepth  = 16
	// restFor is how long nobody asks a server that did not answer.
	restFor = int64(time.Second)
	// mostInactive is how many tokens that are none a client may send in ten seconds.
	mostInactive = 50
)

// server is the runtime state of one introspection endpoint in one organization.
type server struct {
	tokens  memo.Table[entry, *entry]
	flights flight.Group[[32]byte, *entry]
	clients *throttle.Table
	retryAt atomic.Int64 // CLOCK_BOOTTIME
}

func newServer() *server { return &server{clients: throttle.New(mostInactive)} }

// entry is the server's answer about one token under one configuration. It is
// immutable but for what is known of the caller's consumer.
type entry struct {
	hash    [32]byte
	until   int64         // CLOCK_BOOTTIME
	expires int64         // Unix seconds; 0: the answer did not say
	code    contract.Code // of a token that is refused; 0: active
	granted grant.Granted
	known   caller.Known
	weight  int // of an active token
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(boot, unix int64) bool {
	return boot < e.until && (e.expires == 0 || unix < e.expires)
}

// Weight implements memo.Entry.
func (e *entry) Weight() int {
	if e.code != 0 {
		return 256
	}
	return e.weight
}

var (
	errAway = errors.New("the introspection endpoint did not answer")
	// errRefused says something about one token, and nothing about the server: others
	// must not be kept from it.
	errRefused = errors.New("the introspection endpoint does not take the token")
)

// ask asks about a token, once for all who send it at the same time.
func (p *opaque) ask(b policy.Blocking, hash [32]byte, token string, now int64) (*entry, error) {
	if now < p.state.retryAt.Load() {
		return nil, errAway
	}
	return p.state.flights.Do(b, hash, func() (*entry, error) {
		claims, err := p.introspect(b, token)
		if err != nil {
			if b.Context().Err() == nil && !errors.Is(err, errRefused) {
				p.state.retryAt.Store(now + restFor)
			}
			return nil, err
		}
		e := p.judge(claims, hash, now)
		p.state.tokens.Put(e, now, p.wall().Unix())
		return e, nil
	})
}

// introspect makes the request (RFC 7662 2.1). Its errors hold nothing of the
// answer's body.
func (p *opaque) introspect(b policy.Blocking, token string) (map[string]any, error) {
	r := &policy.FetchRequest{
		Method: "POST", URL: p.config.URL, Limit: maxAnswer,
		Body:   []byte("token=" + url.QueryEscape(token) + "&token_type_hint=access_token" + p.form),
		Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	}
	if p.basic != "" {
		r.Header["Authorization"] = []string{p.basic}
	}
	got, err := p.fetch.Do(b, r)
	if err != nil {
		return nil, err
	}
	switch got.Status {
	case 200:
	case 400, 413, 422:
		return nil, fmt.Errorf("%w: it answered %d", errRefused, got.Status)
	default:
		return nil, fmt.Errorf("the introspection endpoint answered %d", got.Status)
	}
	claims, err := claim.Object(got.Body, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("the introspection endpoint's answer is %w", err)
	}
	if _, ok := claims["active"].(bool); !ok {
		return nil, errors.New(`the introspection endpoint's answer has no "active"`)
	}
	return claims, nil
}

// judge turns an answer into a verdict.
func (p *opaque) judge(claims map[string]any, hash [32]byte, now int64) *entry {
	wall := p.wall().Unix()
	e := &entry{hash: hash, until: now + int64(p.config.NegativeCache)}
	exp, _, okEXP := claim.NumericDate(claims, "exp")
	nbf, _, okNBF := claim.NumericDate(claims, "nbf")
	iss, named := claims["iss"].(string)
	kind, typed := claims["token_type"].(string)
	switch {
	case claims["active"] != true, !okEXP, !okNBF, nbf > wall:
		e.code = contract.CodeTokenInvalid
	case typed && !policy.Static(kind).Fold("bearer"):
		// A token bound to a key or a certificate is no bearer's.
		e.code = contract.CodeTokenInvalid
	case p.config.Issuer != "" && named && iss != p.config.Issuer:
		e.code = contract.CodeTokenInvalid
	case exp != 0 && wall >= exp:
		e.code = contract.CodeTokenExpired
	case len(p.config.Audiences) > 0 && !grant.Audience(claims["aud"], p.config.Audiences):
		e.code = contract.CodeTokenAudience
	}
	if e.code != 0 {
		return e
	}
	e.until, e.expires, e.weight = now+int64(p.config.Cache), exp, 2048+claim.Weight(claims)
	if e.granted = p.rules.Judge(claims, p.config.ConsumerPrefix); e.granted.Refused != "" {
		return e
	}
	e.known.Set(&policy.Principal{
		Kind: policy.KindToken, KeyDisplay: memo.Display("tok_", &hash), Expires: exp * 1000,
		Scopes: e.granted.Scopes, Claims: claim.Plain(claims), ConsumerName: e.granted.Consumer,
	}, p.identities, p.issuer, e.granted.Subject)
	return e
}
