package keystore

import (
	"context"
	"io"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestIdentities: an identity's record is filled, changed and ended as a key's is,
// and neither stands in for the other.
func TestIdentities(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ids := b.Identities(gateway, false, nil)
	alice := ids.Identity("https://id.test", "alice")
	want := func(what string, r policy.KeyResult, state policy.KeyState) *policy.Principal {
		t.Helper()
		if r.State != state {
			t.Fatalf("%s: state %d, want %d", what, r.State, state)
		}
		return r.Principal
	}
	load := func() policy.KeyResult { return ids.LoadIdentity(policy.EngineMayBlock(blocking{t.Context()}), &alice) }
	want("never seen", ids.PeekIdentity(&alice), policy.KeyCold)
	want("nobody's", load(), policy.KeyInvalid)
	rec := &contract.KeyRecord{
		KID: alice.KID, Hash: alice.Hash, Version: 1, Gateway: gateway, Consumer: 5, ConsumerRef: "shop", UsagePlan: 9,
		State: contract.KeyActive, Kind: contract.RecordIdentity, Pepper: contract.PepperVersion,
	}
	if err := b.Apply(b.encode(rec)); err != nil {
		t.Fatal(err)
	}
	p := want("announced", ids.PeekIdentity(&alice), policy.KeyOK)
	if p.Consumer != 5 || p.UsagePlan != 9 || p.Identity != alice.KID || p.Key != 0 {
		t.Errorf("principal %+v", p)
	}
	other := b.Identities(gateway+1, false, nil)
	want("of another gateway", other.PeekIdentity(&alice), policy.KeyInvalid)
	collided := alice
	collided.Hash[0]++
	want("another one of the same number", ids.PeekIdentity(&collided), policy.KeyInvalid)

	rec.Version, rec.State = 2, contract.KeyDeleted
	if err := b.Apply(b.encode(rec)); err != nil {
		t.Fatal(err)
	}
	want("taken away", ids.PeekIdentity(&alice), policy.KeyRevoked)
	if p.Alive() {
		t.Error("its principal lives on")
	}
	rec.Version, rec.State, rec.Consumer = 3, contract.KeyActive, 6
	if err := b.Apply(b.encode(rec)); err != nil {
		t.Fatal(err)
	}
	if p = want("given to another", ids.PeekIdentity(&alice), policy.KeyOK); p.Consumer != 6 {
		t.Errorf("principal %+v", p)
	}
	b.Invalidate()
	want("after a gap", ids.PeekIdentity(&alice), policy.KeyCold)
	b.source.fail(errAway)
	want("after a gap while Redis is away", ids.PeekIdentity(&alice), policy.KeyOK)
	bob := ids.Identity("https://id.test", "bob")
	if r := ids.LoadIdentity(policy.EngineMayBlock(blocking{t.Context()}), &bob); r.State != policy.KeyUnavailable {
		t.Errorf("never seen while Redis is away: %d", r.State)
	}
}

// TestIdentityIsNoKey: a key whose number an identity's record stands under is
// refused, whatever its hash says.
func TestIdentityIsNoKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	rec.Kind = contract.RecordIdentity
	b.publish(rec)
	b.want("a key over an identity's record", b.load(text), policy.KeyInvalid)
}

func TestPeekIdentityDoesNotAllocate(t *testing.T) {
	b := newBench(t)
	ids := b.Identities(gateway, false, nil)
	id := ids.Identity("https://id.test", "alice")
	if err := b.Apply(b.encode(&contract.KeyRecord{
		KID: id.KID, Hash: id.Hash, Version: 1, Gateway: gateway, Consumer: 5, State: contract.KeyActive, Kind: contract.RecordIdentity,
	})); err != nil {
		t.Fatal(err)
	}
	ids.PeekIdentity(&id)
	if n := alloctest.PerRun(100, func() { ids.PeekIdentity(&id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// blocking is the right to wait, without bodies.
type blocking struct{ ctx context.Context }

func (b blocking) Context() context.Context                        { return b.ctx }
func (blocking) Reader(policy.Side) io.Reader                      { return nil }
func (blocking) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }
