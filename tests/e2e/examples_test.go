package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// exampleSecrets are those that a document refers to.
var exampleSecrets = map[string]map[string]string{
	"bank": {"desk-client": "test-secret", "desk-session": "0123456789abcdef0123456789abcdef"},
}

// example signs up and applies the document of infra/examples/NAME, with pieces of
// it replaced: addresses and what else differs from machine to machine.
func example(t *testing.T, c *harness.Cluster, name string, replace ...string) *shop {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../infra/examples", name, "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("the document does not hold %s", replace[i])
		}
	}
	var config harness.Object
	if err := json.Unmarshal([]byte(strings.NewReplacer(replace...).Replace(string(text))), &config); err != nil {
		t.Fatal(err)
	}
	s := &shop{Cluster: c, api: c.SignUp(name), name: name, call: harness.NewCaller(64), t: t}
	s.host = s.api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	for secret, value := range exampleSecrets[name] {
		s.put("secrets/"+secret, harness.Object{"value": value})
	}
	s.api.Must("PUT", "/v1/gateways/"+name+"/config", config)
	return s
}

// instances are n backends of one service, each with its own count.
type instances struct {
	counts []atomic.Int64
	urls   []string
}

// serve starts n instances of a handler that is told which one it is.
func serve(t *testing.T, n int, handle func(i int, w http.ResponseWriter, r *http.Request)) *instances {
	t.Helper()
	x := &instances{counts: make([]atomic.Int64, n)}
	for i := range n {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				x.counts[i].Add(1)
			}
			handle(i, w, r)
		}))
		t.Cleanup(s.Close)
		x.urls = append(x.urls, s.URL)
	}
	return x
}

// at pairs the addresses of a document, from port on, with the instances'.
func (x *instances) at(port int) (replace []string) {
	for i, u := range x.urls {
		replace = append(replace, "http://127.0.0.1:"+strconv.Itoa(port+i), u)
	}
	return replace
}

// TestExampleMedia drives infra/examples/media: an API behind keys and limits, and
// videos through routes that only balance.
func TestExampleMedia(t *testing.T) {
	t.Parallel()
	video := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	received := make(chan struct{})
	recommend := serve(t, 2, func(_ int, w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s", r.Header.Get("X-Viewer"), r.Header.Get("X-App"))
	})
	videos := serve(t, 3, func(_ int, w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/live/") {
			http.ServeContent(w, r, "intro.mp4", time.Unix(1e9, 0), bytes.NewReader(video))
			return
		}
		for i := range 5 { // each when the one before it was received
			fmt.Fprintf(w, "piece %d\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-received:
			case <-r.Context().Done():
				return
			}
		}
	})
	c := harness.New(t, harness.Options{})
	s := example(t, c, "media", append(recommend.at(9101), videos.at(9111)...)...)
	_, key := s.consumer("player", "")
	s.api.WaitLive("media")
	edge := c.Edges[0].Addr()

	if r := s.call.Get(edge, s.host, "/v1/recommendations/42", ""); r.Status != 401 {
		t.Errorf("without a key: %+v", r)
	}
	s.waitKey("/v1/recommendations/42", key)
	tally, took := s.untilLimited("/v1/recommendations/42", key, func(r harness.Result) {
		if r.Status == 200 && r.Body != "42 for player" {
			t.Errorf("%+v", r)
		}
	})
	if n := tally.Get(200); n < 45 || float64(n) > 50+50*took.Seconds()+1 {
		t.Errorf("recommendations at 50 a second, in %v: %v", took, tally)
	}

	for i := range 60 {
		from := i * 1000
		r := s.call.Get(edge, s.host, "/videos/intro.mp4", "", "Range", fmt.Sprintf("bytes=%d-%d", from, from+999))
		if r.Status != 206 || r.Body != string(video[from:from+1000]) {
			t.Fatalf("a range from %d: %d %v", from, r.Status, r.Header)
		}
	}
	for i := range videos.counts {
		if n := videos.counts[i].Load(); n < 10 {
			t.Errorf("instance %d served %d of 60 ranges", i, n)
		}
	}
	if r := s.call.Get(edge, s.host, "/videos/intro.mp4", ""); r.Status != 200 || r.Body != string(video) {
		t.Errorf("the whole video: %d, %d bytes", r.Status, len(r.Body))
	}

	resp, err := live(edge, s.host)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	giveUp := time.AfterFunc(30*time.Second, func() { _ = resp.Body.Close() })
	defer giveUp.Stop()
	pieces := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); pieces++ {
		received <- struct{}{}
	}
	if pieces != 5 {
		t.Errorf("%d pieces of the live stream", pieces)
	}
}

// live begins to read a stream.
func live(edge, host string) (*http.Response, error) {
	req, err := http.NewRequest("GET", "http://"+edge+"/live/news", nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	return http.DefaultClient.Do(req)
}

// untilLimited calls a route with a rate limit, eight callers at once, until it answers
// 429, and tells how long that took.
func (s *shop) untilLimited(path, key string, check func(harness.Result)) (*harness.Tally, time.Duration) {
	s.t.Helper()
	tally, began := harness.NewTally(), time.Now()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	harness.Run(ctx, 8, func(int) {
		r := s.call.Get(s.Edges[0].Addr(), s.host, path, key)
		tally.Add(r)
		if check != nil {
			check(r)
		}
		if r.Status == http.StatusTooManyRequests {
			cancel()
		}
	})
	if tally.Get(429) == 0 || tally.Class(4) != tally.Get(429) || tally.Get(0)+tally.Class(5) != 0 {
		s.t.Errorf("%s is not limited alone: %v", path, tally)
	}
	return tally, time.Since(began)
}

// TestExampleBank drives infra/examples/bank: certificates, tokens, a quota that is
// exact over two edges, and no failure while one of them is replaced.
func TestExampleBank(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	accounts := serve(t, 2, func(_ int, w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	partners, stranger := newAuthority(t, "Partners"), newAuthority(t, "Stranger")
	pem, err := json.Marshal(partners.pem)
	if err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Options{Edges: 2})
	s := example(t, c, "bank", append(accounts.at(9201), "https://id.bank.example", o.Issuer, `"bank-desk"`, `"test"`, `"PARTNERS_CA"`, string(pem))...)
	s.put("consumers/partner-a", harness.Object{
		"usage_plan": "partner", "identities": []harness.Object{{"issuer": o.Issuer, "subject": "partner-a"}, {"issuer": o.Issuer, "subject": "clerk-a"}},
	})
	s.api.WaitLive("bank")
	const api = "https://api.bank.example"
	scope := `{"scope":"accounts:read"}`
	good := o.Token(t, api, "subject", "partner-a", "claims", scope)
	cert, _ := partners.leaf("partner-a")
	employee, _ := partners.leaf("employee")
	foreign, _ := stranger.leaf("partner-a")
	partner := s.partner(cert)

	err = harness.Until(context.Background(), 10*time.Second, func() error { // the identity is known at both edges
		for range 2 {
			if status, _, err := get(partner, s.host, "/accounts/7", good); err != nil || status != 200 {
				return fmt.Errorf("%d %v", status, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		client *http.Client
		token  string
		status int // 0: the handshake fails
	}{
		"no certificate":       {s.partner(), good, 0},
		"another subject":      {s.partner(employee), good, 0},
		"another authority":    {s.partner(foreign), good, 0},
		"no token":             {partner, "", 401},
		"another audience":     {partner, o.Token(t, "https://other.example", "subject", "partner-a", "claims", scope), 401},
		"without the scope":    {partner, o.Token(t, api, "subject", "partner-a"), 403},
		"nobody that is known": {partner, o.Token(t, api, "subject", "partner-z", "claims", scope), 403},
	} {
		if status, code, err := get(x.client, s.host, "/accounts/7", x.token); status != x.status || (err == nil) != (x.status != 0) {
			t.Errorf("%s: %d %s, %v; want %d", name, status, code, err, x.status)
		}
	}

	// A clerk signs in with a browser that has the partner's certificate; one whom nobody
	// knows is let into nothing.
	o.Set(t, "redirects", []string{"https://" + s.host + "/desk/callback"})
	for subject, want := range map[string]int{"clerk-a": 200, "clerk-z": 403} {
		o.Set(t, "person", harness.Object{"subject": subject, "email": subject + "@partner.example", "email_verified": true})
		clerk := s.browser(cert)
		for range 4 { // both edges
			if at, status, body := s.open(clerk, "/desk/accounts"); status != want || at != "/desk/accounts" {
				t.Errorf("%s: %s: %d %s", subject, at, status, body)
			}
		}
	}

	// Everything from here on counts: 1,000 requests in all, by both edges, while the
	// first is replaced.
	var served, over, failed atomic.Int64
	var first atomic.Value
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	replaced := make(chan struct{})
	go func() {
		defer close(replaced)
		time.Sleep(200 * time.Millisecond)
		c.Replace(c.Edges[0])
	}()
	harness.Run(ctx, 4, func(int) {
		status, code, err := get(partner, s.host, "/accounts/7", good)
		switch {
		case status == 200:
			served.Add(1)
		case status == 429 && code == "quota_exceeded":
			select {
			case <-replaced:
				if over.Add(1) > 200 {
					cancel()
				}
			default:
			}
		case ctx.Err() == nil:
			failed.Add(1)
			first.CompareAndSwap(nil, fmt.Sprintf("%d %s %v", status, code, err))
		}
		time.Sleep(15 * time.Millisecond) // within the plan's 500 a second
	})
	all := accounts.counts[0].Load() + accounts.counts[1].Load()
	t.Logf("served %d, to the backends %d, refused over the quota %d", served.Load(), all, over.Load())
	if failed.Load() > 0 {
		t.Errorf("%d failed while an edge was replaced: %v", failed.Load(), first.Load())
	}
	if all != 1000 {
		t.Errorf("%d requests reached the backends of a quota of 1,000", all)
	}
}

// partner is a client with certificates (none: it shows none) whose connections go
// to the edges in turn, one a request.
func (s *shop) partner(certs ...tls.Certificate) *http.Client {
	var n atomic.Int64
	var ports []string // a successor has those of the edge before it
	for _, e := range s.Edges {
		ports = append(ports, strconv.Itoa(e.TLSPort))
	}
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{ServerName: s.host, Certificates: certs, InsecureSkipVerify: true}, // the edge's own certificate is not what is shown
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+ports[int(n.Add(1))%len(ports)])
		},
	}}
}

// get asks for a path with a token and returns the status and the edge's error code.
func get(c *http.Client, host, path, token string) (status int, code string, err error) {
	req, err := http.NewRequest("GET", "https://"+host+path, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Tollgate-Error"), err
}

// TestExampleShop drives infra/examples/shop: keys and limits for all, two versions,
// three instances, a canary, a cart that stays where it is, and bodies in the
// backend's words.
func TestExampleShop(t *testing.T) {
	t.Parallel()
	answer := func(name string) func(i int, w http.ResponseWriter, r *http.Request) {
		return func(i int, w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %s %s", name, i, r.URL.Path, body)
		}
	}
	catalogue, next, carts := serve(t, 3, answer("now")), serve(t, 1, answer("next")), serve(t, 2, answer("cart"))
	c := harness.New(t, harness.Options{})
	s := example(t, c, "shop", append(append(catalogue.at(9001), next.at(9004)...), carts.at(9005)...)...)
	s.api.WaitLive("shop")
	edge := c.Edges[0].Addr()
	if r := s.call.Get(edge, s.host, "/v1/products/7", ""); r.Status != 401 {
		t.Errorf("without a key: %+v", r)
	}

	// The canary is by consumer: of a hundred, some are in, and each stays where it is.
	keys := map[string]string{}
	for i := range 100 {
		name := fmt.Sprintf("store-%d", i)
		_, keys[name] = s.consumer(name, "storefront")
	}
	s.waitKey("/v1/products/7", keys["store-99"])
	for i := range catalogue.counts {
		catalogue.counts[i].Store(0)
	}
	in := 0
	for _, key := range keys {
		s.waitKey("/v2/products/7", key)
		first := s.call.Get(edge, s.host, "/v2/products/7", key)
		canary := strings.HasPrefix(first.Body, "next ")
		if canary {
			in++
		}
		for range 5 {
			r := s.call.Get(edge, s.host, "/v2/products/7", key)
			if r.Status != 200 || strings.HasPrefix(r.Body, "next ") != canary || !strings.Contains(r.Body, " /products/7 ") {
				t.Fatalf("canary %v: %d %s", canary, r.Status, r.Body)
			}
		}
		if r := s.call.Get(edge, s.host, "/v2/products/7", key, "X-Canary", "1"); !strings.HasPrefix(r.Body, "next ") || r.Header.Get("X-Variant") != "next" {
			t.Errorf("asked for: %+v", r)
		}
	}
	if in == 0 || in > 30 {
		t.Errorf("%d of 100 consumers are in a canary of 10 %%", in)
	}
	least, most := catalogue.counts[0].Load(), catalogue.counts[0].Load()
	for i := range catalogue.counts {
		least, most = min(least, catalogue.counts[i].Load()), max(most, catalogue.counts[i].Load())
	}
	t.Logf("%d of 100 consumers in the canary; the three instances served %d to %d each", in, least, most)
	if most-least > 2 {
		t.Errorf("three instances in turn served %d to %d", least, most)
	}

	key := keys["store-0"]
	if r := s.call.Get(edge, s.host, "/v1/products/7", key); r.Status != 200 || r.Header.Get("Deprecation") == "" || r.Header.Get("Sunset") == "" || !strings.HasPrefix(r.Body, "now ") {
		t.Errorf("version 1: %+v", r)
	}
	post := func(cookie string) harness.Result {
		return s.call.Send(t.Context(), "POST", edge, s.host, "/v1/cart", key, strings.NewReader(`{"product":"7"}`), "Content-Type", "application/json", "Cookie", cookie)
	}
	r := post("")
	cookie, _, _ := strings.Cut(r.Header.Get("Set-Cookie"), ";")
	if r.Status != 200 || !strings.HasPrefix(cookie, "shop_cart=") || !strings.Contains(r.Body, `{"sku":"7","storefront":"store-0"}`) {
		t.Fatalf("the cart: %+v", r)
	}
	for range 20 {
		if again := post(cookie); again.Body != r.Body {
			t.Fatalf("the cart moved: %s, was %s", again.Body, r.Body)
		}
	}

	tally, took := s.untilLimited("/v1/products/7", key, nil)
	if n := tally.Get(200); float64(n) > 200+200*took.Seconds()+10 {
		t.Errorf("at 200 a second, in %v: %v", took, tally)
	}
}
