package apitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// told holds what an answer tells apart from what differs by nature.
func told(a *answer) string {
	h := a.header.Clone()
	for _, name := range []string{"X-Request-Id", "Date", "Set-Cookie"} {
		h.Del(name)
	}
	body := strings.Replace(string(a.body), a.header.Get("X-Request-Id"), "", 1)
	return fmt.Sprintf("%d %v %d %s", a.status, h, len(a.body), body)
}

// TestACC14Enumeration: an answer does not say whether an address is known, by its
// words or by the time it takes. Signing up does (409 email_taken), by design and
// throttled; it works as long in both cases.
func TestACC14Enumeration(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	s := ada.login()
	anon := &caller{e: e}
	asks := map[string]func(email string) *answer{
		"login": func(email string) *answer {
			return anon.post("/v1/login", object{"email": email, "password": "not it, not it"})
		},
		"forgot": func(email string) *answer { return anon.post("/v1/password/forgot", object{"email": email}) },
		"change of address": func(email string) *answer {
			return s.post("/v1/email/change", object{"email": email, "current_password": password})
		},
	}
	bob := e.signup("bob")
	for name, ask := range asks {
		known, unknown := ask(bob.email), ask("zoe@example.com")
		if told(known) != told(unknown) {
			t.Errorf("%s tells a known address from an unknown one:\n%s\n%s", name, told(known), told(unknown))
		}
	}
	invite := func(email string) string {
		a := ada.post("/v1/invitations", object{"email": email, "role": "viewer"}).want(201)
		var fields map[string]any
		if err := json.Unmarshal([]byte(a.body), &fields); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(a.status, a.str("role"), slices.Sorted(maps.Keys(fields)))
	}
	if known, unknown := invite(bob.email), invite("zoe@example.com"); known != unknown {
		t.Errorf("an invitation tells a known address: %s, %s", known, unknown)
	}
	for _, name := range []string{"login", "forgot"} {
		// What tells addresses apart does so each time; what else the machine does, hardly.
		for try := 1; !e.alike(name, asks[name]); try++ {
			if try == 3 {
				t.Errorf("%s: known and unknown addresses take times that differ, three times in a row", name)
				break
			}
		}
	}
}

// pairs are how often a time is compared.
const pairs = 60

// alike compares how long an answer takes for a known and an unknown address, in
// alternation, so that whatever else the machine does falls on both. The times are not
// alike when the medians differ by more than 5 ms and by more than the measure's own
// noise.
func (e *env) alike(what string, ask func(email string) *answer) bool {
	t := e.t
	t.Helper()
	once := func(email string) float64 {
		e.clock.advance(2 * time.Minute) // no throttle
		began := time.Now()
		ask(email)
		return float64(time.Since(began).Microseconds()) / 1000
	}
	var known, unknown, differences []float64
	for i := range pairs {
		var a, b float64
		if i%2 == 0 {
			a, b = once("ada@example.com"), once("zoe@example.com")
		} else {
			b, a = once("zoe@example.com"), once("ada@example.com")
		}
		known, unknown, differences = append(known, a), append(unknown, b), append(differences, a-b)
	}
	d := median(differences)
	// The spread of a median, from the differences' own spread (MAD).
	away := make([]float64, len(differences))
	for i, x := range differences {
		away[i] = math.Abs(x - d)
	}
	noise := 1.4826 * median(away) * 1.2533 / math.Sqrt(pairs)
	t.Logf("ACC14: %s takes %.1f ms for a known and %.1f ms for an unknown address (medians of %d); the difference is %.2f ± %.2f ms", what, median(known), median(unknown), pairs, d, noise)
	return math.Abs(d) <= 5 || math.Abs(d) <= 4*noise
}

func median(x []float64) float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	return (y[(len(y)-1)/2] + y[len(y)/2]) / 2
}

// from is the caller behind a proxy, at another address.
func (c *caller) from(address string) *caller { return c.with("X-Forwarded-For", address) }

// TestACC15SignupAbuse: one network makes only so many accounts, and one account
// only so many organizations of the free plan.
func TestACC15SignupAbuse(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{mail: true, proxied: true})
	anon := &caller{e: e}
	sign := func(c *caller, email string) *answer {
		return c.post("/v1/signup", object{"email": email, "password": password, "organization": "x"})
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	codes := map[int]int{}
	for worker := range 4 {
		all.Go(func() {
			for i := range 250 { // a thousand, from one /64: an address each
				c := anon.from(fmt.Sprintf("2001:db8:1:1::%x", worker<<12|i))
				a := sign(c, fmt.Sprintf("u%d+%d@mailinator.example", worker, i))
				mu.Lock()
				codes[a.status]++
				mu.Unlock()
				if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			}
		})
	}
	all.Wait()
	t.Logf("ACC15: 1,000 signups from one network: %v", codes)
	if codes[201] > 60 || codes[429] < 900 || codes[201]+codes[429] != 1000 {
		t.Errorf("1,000 signups from one network: %v", codes)
	}
	a := sign(anon.from("2001:db8:1:2::1"), "neighbour@example.com").want(201) // elsewhere one goes on
	for _, email := range []string{"ünïcode@example.com", "ada@exämple.com", "аda@example.com", `"a b"@example.com`} {
		sign(anon.from("192.0.2.7"), email).wantFields("/email")
	}
	// Unproved: almost no traffic, whatever else it sets up.
	c := &caller{e: e, token: a.str("token"), org: a.str("organization", "id"), email: "neighbour@example.com"}
	doc, err := e.app.Tenants.Document(t.Context(), e.orgID(c))
	if err != nil || doc.RequestsPerDay != 100 {
		t.Errorf("an unproved organization may serve %d requests a day, %v", doc.RequestsPerDay, err)
	}
	s := c.login()
	made := 1
	for range 15 {
		if s.post("/v1/organizations", object{"name": "farm"}).status == 201 {
			made++
		}
	}
	if made != 10 {
		t.Errorf("one user owns %d organizations of the free plan, want 10", made)
	}
}

// TestACC16Guessing: guesses wait longer and longer, wherever the owner is not; the
// owner is never locked out.
func TestACC16Guessing(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{proxied: true})
	ada, bob := e.signup("ada"), e.signup("bob")
	e.clock.freeze()
	anon := &caller{e: e}
	guess := func(c *caller, email string) *answer {
		return c.post("/v1/login", object{"email": email, "password": "guessing again"})
	}
	attacker, owner := anon.from("198.51.100.1"), anon.from("192.0.2.1")
	for range 4 {
		guess(attacker, ada.email).want(401)
	}
	last := 0
	for range 6 {
		a := guess(attacker, ada.email).wantCode(429, "throttled")
		wait := 0
		if _, err := fmt.Sscan(a.header.Get("Retry-After"), &wait); err != nil || wait < last || wait > 60 {
			t.Fatalf("Retry-After %q after %d s", a.header.Get("Retry-After"), last)
		}
		last = wait
		e.clock.advance(time.Duration(wait)*time.Second + time.Second)
		guess(attacker, ada.email).want(401)
	}
	if last < 8 {
		t.Errorf("the wait grew to %d s only", last)
	}
	// The owner, elsewhere, signs in at once, and so does somebody else at the
	// attacker's address.
	owner.post("/v1/login", object{"email": ada.email, "password": password}).want(200)
	attacker.post("/v1/login", object{"email": bob.email, "password": password}).want(200)
	// A list of leaked passwords, another account each time.
	refused := 0
	for i := range 60 {
		if guess(anon.from("198.51.100.2"), fmt.Sprintf("u%d@example.com", i)).status == 429 {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d of 60 accounts in a row were slowed down", refused)
	}
	// A hundred at once are a hundred.
	var mu sync.Mutex
	var all sync.WaitGroup
	tried := 0
	for range 100 {
		all.Go(func() {
			a := guess(anon.from("198.51.100.3"), bob.email)
			mu.Lock()
			defer mu.Unlock()
			if a.status == 401 {
				tried++
			}
		})
	}
	all.Wait()
	if tried > 4 {
		t.Errorf("%d of 100 guesses at once were looked at", tried)
	}
	owner.post("/v1/login", object{"email": bob.email, "password": password}).want(200)
}
