package oidclogin_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func (i *idp) after(d time.Duration) { i.set(func(i *idp) { i.now = i.now.Add(d) }) }

func (i *idp) count() int { i.mu.Lock(); defer i.mu.Unlock(); return len(i.asked) }

// TestRenew: tokens of five minutes are renewed in their last one, up to the
// session's own end.
func TestRenew(t *testing.T) {
	t.Parallel()
	i := newIDP()
	f := newFront(t, i, with(`"lifetime":"20m","forward_access_token":true`))
	b := f.browser()
	b.signIn("/")
	was := b.cookie()
	i.after(239 * time.Second)
	passes(t, "before", b.get("/"))
	if b.cookie() != was || i.count() != 1 {
		t.Error("renewed before its time")
	}
	i.after(time.Second)
	r := b.get("/")
	passes(t, "ahead", r)
	if got, _ := r.Sent.Header.Get("Authorization"); got != "Bearer access-2" || b.cookie() == was {
		t.Errorf("the backend gets %q", got)
	}
	if cc, _ := r.Header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control %q beside a cookie", cc)
	}
	stale := f.browser() // a request of the same browser that was on its way
	for k := range b.jar {
		stale.jar[k] = was[len(k)+1:]
	}
	passes(t, "with the old cookie", stale.get("/"))
	if stale.cookie() != b.cookie() || i.count() != 2 {
		t.Error("the old cookie is renewed once more")
	}
	i.after(10 * time.Minute) // ended meanwhile
	r = b.get("/", page...)
	passes(t, "after the tokens' end", r)
	if got, _ := r.Sent.Header.Get("Authorization"); got != "Bearer access-3" {
		t.Errorf("the backend gets %q", got)
	}
	i.after(7 * time.Minute)
	want(t, "after the session's end", b.get("/"), 401, contract.CodeTokenExpired)
	b.open("/")
}

// TestRenewOnce: requests that come together make one renewal.
func TestRenewOnce(t *testing.T) {
	t.Parallel()
	i := newIDP()
	f := newFront(t, i, config)
	b := f.browser()
	b.signIn("/")
	i.after(10 * time.Minute)
	hold := make(chan struct{})
	i.set(func(i *idp) { i.hold = hold })
	var wg sync.WaitGroup
	results := make([]*policytest.Result, 20)
	for n := range results {
		wg.Go(func() {
			results[n] = policytest.Serve(t, f.step, policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Cookie", b.cookie()}}})
		})
	}
	for i.count() < 2 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	wg.Wait()
	for _, r := range results {
		passes(t, "together", r)
		if len(r.Header.All("Set-Cookie")) != 1 {
			t.Errorf("cookies %v", r.Header.All("Set-Cookie"))
		}
	}
	if i.count() != 2 {
		t.Errorf("%d requests for tokens", i.count())
	}
}

// TestProviderAway: O04 at the edge. Sessions go on until their tokens end, and new
// sign-ins are told why they can't be.
func TestProviderAway(t *testing.T) {
	t.Parallel()
	i := newIDP()
	f := newFront(t, i, config)
	b := f.browser()
	b.signIn("/")
	i.set(func(i *idp) { i.down = true })
	i.after(250 * time.Second)
	for range 3 {
		passes(t, "away", b.get("/", page...))
	}
	i.after(50 * time.Second)
	r := b.get("/", page...)
	want(t, "away, its tokens have ended", r, 503, contract.CodeProviderUnavailable)
	if r.Reply.Retry == 0 {
		t.Error("no Retry-After")
	}
	i.set(func(i *idp) { i.down = false })
	passes(t, "back", b.get("/"))

	i = newIDP()
	i.down = true
	f = newFront(t, i, config)
	want(t, "a sign-in", f.browser().get("/", page...), 503, contract.CodeProviderUnavailable)
	want(t, "a program", f.browser().get("/"), 401, contract.CodeTokenMissing)

	i = newIDP()
	b = newFront(t, i, config).browser()
	u := b.open("/")
	i.set(func(i *idp) { i.refuse = "server_error" })
	want(t, "while somebody signs in", b.get("/oauth2/callback?"+i.signs(u), page...), 503, contract.CodeProviderUnavailable)

	i = newIDP() // without a refresh token the session has its own end only
	i.refresh = false
	b = newFront(t, i, config).browser()
	b.signIn("/")
	i.set(func(i *idp) { i.down = true })
	i.after(11 * time.Hour)
	passes(t, "away, nothing to renew", b.get("/"))
	i.after(2 * time.Hour)
	want(t, "its own end", b.get("/"), 401, contract.CodeTokenExpired)
	i = newIDP()
	i.refresh = false
	b = newFront(t, i, with(`"forward_access_token":true`)).browser()
	b.signIn("/")
	i.after(301 * time.Second)
	want(t, "the access token has ended", b.get("/"), 401, contract.CodeTokenExpired)
}

// TestLockedOut: a refresh token that the provider refuses ends the session with its
// tokens, not before: another edge may have renewed it.
func TestLockedOut(t *testing.T) {
	t.Parallel()
	i := newIDP()
	b := newFront(t, i, config).browser()
	b.signIn("/")
	i.set(func(i *idp) { i.refuse = "invalid_grant" })
	i.after(250 * time.Second)
	for range 3 {
		passes(t, "until the end", b.get("/"))
	}
	if i.count() != 2 {
		t.Errorf("asked %d times", i.count()-1)
	}
	i.after(time.Minute)
	want(t, "then", b.get("/"), 401, contract.CodeTokenExpired)
	b.open("/")

	for name, change := range map[string]func(i *idp){
		"another person": func(i *idp) { i.more["sub"] = "mallory" }, "another client": func(i *idp) { i.more["aud"] = "other" },
	} {
		i := newIDP()
		b := newFront(t, i, config).browser()
		b.signIn("/")
		i.set(change)
		i.after(10 * time.Minute)
		if r := b.get("/"); r.Forwarded {
			t.Errorf("%s: passes", name)
		}
	}
}
