package jwt_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/jwt"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// owners is an Identities and a Keep under the test's hand.
type owners struct {
	mu    sync.Mutex
	of    map[policy.Identity]*policy.Principal
	known map[policy.Identity]bool // here, without asking
	away  bool
	asked int
	kept  map[string][]byte
	saved time.Time
}

func newOwners() *owners {
	return &owners{
		of: map[policy.Identity]*policy.Principal{}, known: map[policy.Identity]bool{}, kept: map[string][]byte{}, saved: policytest.Noon,
	}
}

func (o *owners) Identity(issuer, subject string) policy.Identity {
	kid, hash := contract.IdentityKID(&[32]byte{}, 7, issuer, subject)
	return policy.Identity{KID: kid, Hash: hash}
}

func (o *owners) own(subject string, p *policy.Principal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := o.Identity(issuerURL, subject)
	o.of[id], o.known[id] = p, true
}

func (o *owners) PeekIdentity(id *policy.Identity) policy.KeyResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch p := o.of[*id]; {
	case !o.known[*id]:
		return policy.KeyResult{State: policy.KeyCold}
	case p == nil || !p.Alive():
		return policy.KeyResult{State: policy.KeyRevoked}
	default:
		return policy.KeyResult{State: policy.KeyOK, Principal: p}
	}
}

func (o *owners) LoadIdentity(_ policy.Blocking, id *policy.Identity) policy.KeyResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.away {
		return policy.KeyResult{State: policy.KeyUnavailable}
	}
	if p := o.of[*id]; p != nil {
		o.known[*id] = true
		return policy.KeyResult{State: policy.KeyOK, Principal: p}
	}
	return policy.KeyResult{}
}

func (o *owners) Load(key string) ([]byte, time.Time) { return o.kept[key], o.saved }
func (o *owners) Save(key string, value []byte)       { o.kept[key] = value }

// front is a policy compiled with owners, and its clocks.
type front struct {
	t     *testing.T
	chain *policy.Chain
	now   time.Duration
	wall  time.Time
}

func newFront(t *testing.T, o *owners, f policy.Fetch, config string) *front {
	t.Helper()
	fr := &front{t: t, now: time.Hour, wall: policytest.Noon}
	d := policytest.NewDeps()
	d.Fetch, d.Identities, d.Keep, d.Wall = f, o, o, func() time.Time { return fr.wall }
	p, err := jwt.New([]byte(config), d)
	if err != nil {
		t.Fatal(err)
	}
	if fr.chain, err = policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &jwt.Descriptor}}); err != nil {
		t.Fatal(err)
	}
	return fr
}

// ask returns who calls with a token, or why nobody does.
func (f *front) ask(token string) (*policy.Principal, contract.Code) {
	x := policy.EngineNew(func() int64 { return int64(f.now) }, match.CanonPath)
	e := policy.EngineOf(x)
	e.ReqHeader.AppendString("Authorization", "Bearer "+token)
	st := f.chain.EngineRun(x)
	if st == policy.EngineSuspended {
		st = f.chain.EngineResume(policy.EngineMayBlock(waiting{context.Background()}), x)
	}
	defer f.chain.EngineDone(x)
	if st == policy.EngineGo {
		return x.Principal(), 0
	}
	return nil, e.Reply.Code
}

// TestConsumerOfAToken: a caller whose identity a consumer owns is that consumer
// from the next request on, and nobody's again when it is taken away.
func TestConsumerOfAToken(t *testing.T) {
	t.Parallel()
	o := newOwners()
	f := newFront(t, o, newProvider("ec"), config)
	tok := token("ec", nil)
	for range 3 {
		p, code := f.ask(tok)
		if code != 0 || p.Consumer != contract.ConsumerUnmatched || p.ConsumerName != "alice" || p.UsagePlan != 0 {
			t.Fatalf("of nobody: %+v, %s", p, code)
		}
	}
	if o.asked != 1 {
		t.Errorf("asked %d times within the time that an answer holds", o.asked)
	}
	shop := &policy.Principal{Kind: policy.KindToken, Consumer: 5, ConsumerName: "shop", UsagePlan: 9, Identity: 77}
	o.own("alice", shop)
	p, _ := f.ask(tok)
	if p.Consumer != 5 || p.ConsumerName != "shop" || p.UsagePlan != 9 || p.Identity != 77 || p.Claims["sub"] != "alice" || !p.Alive() {
		t.Fatalf("of a consumer: %+v", p)
	}
	if again, _ := f.ask(tok); again != p {
		t.Error("another principal for the same caller: its limits would be looked up anew each time")
	}
	other := &policy.Principal{Kind: policy.KindToken, Consumer: 5, ConsumerName: "shop", UsagePlan: 10, Identity: 77}
	o.own("alice", other)
	if q, _ := f.ask(tok); q.UsagePlan != 10 {
		t.Errorf("after a change of plan: %+v", q)
	}
	other.Kill()
	if q, _ := f.ask(tok); q.Consumer != contract.ConsumerUnmatched {
		t.Errorf("after the identity was taken away: %+v", q)
	}
	shop.Kill()
	if p.Alive() {
		t.Error("what runs as the consumer outlives its identity")
	}
	if _, code := f.ask(token("ec", map[string]any{"exp": policytest.Noon.Unix() - 3600})); code != contract.CodeTokenExpired {
		t.Errorf("an expired token: %s", code)
	}
}

// TestAbsenceIsAskedForAgain bounds how long a lost notice can matter.
func TestAbsenceIsAskedForAgain(t *testing.T) {
	t.Parallel()
	o := newOwners()
	f := newFront(t, o, newProvider("ec"), config)
	tok := token("ec", nil)
	f.ask(tok)
	id := o.Identity(issuerURL, "alice")
	o.of[id] = &policy.Principal{Consumer: 5, ConsumerName: "shop"} // its notice was lost
	f.now += 31 * time.Second
	if p, _ := f.ask(tok); p.Consumer != 5 {
		t.Errorf("after 31 s: %+v", p)
	}
}

// TestRequireConsumer refuses callers of nobody, and does not guess while nobody
// can be asked.
func TestRequireConsumer(t *testing.T) {
	t.Parallel()
	o := newOwners()
	strict := newFront(t, o, newProvider("ec"), `{"issuer":"`+issuerURL+`","audiences":["api"],"require_consumer":true}`)
	open := newFront(t, o, newProvider("ec"), config)
	tok := token("ec", nil)
	if _, code := strict.ask(tok); code != contract.CodeForbidden {
		t.Errorf("a stranger: %s", code)
	}
	bob := token("ec", map[string]any{"sub": "bob"})
	o.away = true
	if _, code := strict.ask(bob); code != contract.CodeProviderUnavailable {
		t.Errorf("while nobody can be asked: %s", code)
	}
	if p, code := open.ask(bob); code != 0 || p.Consumer != contract.ConsumerUnmatched {
		t.Errorf("a route that takes every caller: %+v, %s", p, code)
	}
	o.away = false
	o.own("bob", &policy.Principal{Consumer: 6, ConsumerName: "bobs"})
	if p, code := strict.ask(bob); code != 0 || p.Consumer != 6 {
		t.Errorf("a consumer: %+v, %s", p, code)
	}
}

// TestKeysOutliveTheProcess starts anew with the provider away: tokens of keys
// fetched before are good for a day, no other ones are, and the first chance to
// fetch is taken.
func TestKeysOutliveTheProcess(t *testing.T) {
	t.Parallel()
	o := newOwners()
	f := newProvider("ec")
	if _, code := newFront(t, o, f, config).ask(token("ec", nil)); code != 0 || len(o.kept) != 1 {
		t.Fatalf("%s, %d values kept", code, len(o.kept))
	}
	f.set(func(p *provider) { p.down = true })
	for age, want := range map[time.Duration]contract.Code{
		time.Hour: 0, 23 * time.Hour: 0, 25 * time.Hour: contract.CodeProviderUnavailable, -time.Hour: contract.CodeProviderUnavailable,
	} {
		fr := newFront(t, o, f, config)
		fr.wall = policytest.Noon.Add(age)
		fresh := token("ec", map[string]any{"exp": fr.wall.Unix() + 60, "nbf": nil, "iat": nil})
		if _, code := fr.ask(fresh); code != want {
			t.Errorf("keys of %s ago: %s, want %s", age, code, want)
		}
		other := token("ec2", map[string]any{"exp": fr.wall.Unix() + 60, "nbf": nil, "iat": nil})
		if _, code := fr.ask(other); code == 0 {
			t.Errorf("keys of %s ago: a token of a key never seen is good", age)
		}
	}
	f.set(func(p *provider) { p.down = false })
	f.publish("ec2") // rotated meanwhile
	fr := newFront(t, o, f, config)
	fr.wall = policytest.Noon.Add(time.Minute)
	if _, code := fr.ask(token("ec2", nil)); code != 0 {
		t.Errorf("the key of now: %s", code)
	}
}
