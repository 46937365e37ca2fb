package conformance

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/tests/harness"
)

// identityRows are what tests each row.
var identityRows = map[string]func(*testing.T, *identitySite){
	"KEY01": impossibleKeys, "KEY02": wrongKeys, "KEY03": nearKeys, "KEY04": endedKeysOf, "KEY05": foreignKeys, "KEY06": twoKeys, "KEY07": spelledKeys,
	"KEY08": inventedKeys, "KEY09": rotatedKeys, "KEY10": hiddenKeys, "KEY11": scopedKeys, "KEY12": redisRead, "KEY13": redisWrite,
	"JWT01": unsigned, "JWT02": confused, "JWT03": ownKeys, "JWT04": kids, "JWT05": tenants, "JWT06": audiences, "JWT07": issuers, "JWT08": times, "JWT09": critical,
	"JWT10": encrypted, "JWT11": longTokens, "JWT12": weakKeys, "JWT13": spellings, "JWT14": verdicts, "JWT15": endedTokens, "JWT16": brokenSets, "JWT17": inventedKids,
	"JWT18": claimFields, "JWT19": addresses, "JWT20": otherDocuments,
}

// identitySite is a site with keys and tokens.
type identitySite struct {
	*site
	p *provider
}

// TestIdentityRows is the matrix of keys and tokens: a subtest for each row, over
// HTTP/1.1 (the engine conn) and HTTP/2 (the engine std). KEY08 is the last of its
// group: its client is held back.
func TestIdentityRows(t *testing.T) {
	s := &identitySite{site: newSite(t), p: newProvider(t)}
	s.jwt(t, "tokens", s.p.url, harness.Object{})
	s.wait(t, "/tokens/x", s.p.token(nil))
	run := func(r Row) {
		t.Run(r.ID, func(t *testing.T) {
			f := identityRows[r.ID]
			if f == nil {
				t.Fatalf("nothing tests that %s", r.Asks)
			}
			f(t, s)
		})
	}
	for _, r := range IdentityRows {
		if r.ID != "KEY08" {
			run(r)
		}
	}
	for _, r := range IdentityRows {
		if r.ID == "KEY08" {
			run(r)
		}
	}
	if len(identityRows) != len(IdentityRows) {
		t.Errorf("%d rows, %d tests", len(IdentityRows), len(identityRows))
	}
}

// verdict is an answer as far as a caller can tell.
type verdict struct {
	status string
	code   string
}

// asks sends a request over both protocols, which must answer alike.
func (s *identitySite) asks(t *testing.T, method, path string, fields ...string) verdict {
	t.Helper()
	r := s.call.Send(t.Context(), method, s.addr, s.host, path, "", nil, fields...)
	if r.Err != nil {
		t.Fatalf("%s %s: %v", method, path, r.Err)
	}
	h := dialH2(t, s.addr)
	defer h.c.Close()
	list := request(method, s.host, path)
	for i := 0; i+1 < len(fields); i += 2 {
		list = append(list, field{strings.ToLower(fields[i]), fields[i+1]})
	}
	if err := h.sendRow(&h2row{fields: list}); err != nil {
		t.Fatal(err)
	}
	o := h.wait(1, 3*time.Second)
	one, two := verdict{fmt.Sprint(r.Status), r.Code}, verdict{o.status, o.code}
	if one.status == "200" {
		one.code, two.code = "", ""
	}
	if one != two {
		t.Errorf("%s %s: %v over HTTP/1.1, %v over HTTP/2", method, path, one, two)
	}
	return one
}

// refuses wants a code for a request, and that nothing of it reaches the backend.
func (s *identitySite) refuses(t *testing.T, what, code, path string, fields ...string) {
	t.Helper()
	s.origin.take()
	if v := s.asks(t, "GET", path, fields...); v.code != code {
		t.Errorf("%s: %v, want %s", what, v, code)
	}
	if n := len(s.origin.take()); n > 0 {
		t.Errorf("%s: %d requests reached the backend", what, n)
	}
}

func (s *identitySite) passes(t *testing.T, what, path string, fields ...string) {
	t.Helper()
	if v := s.asks(t, "GET", path, fields...); v.status != "200" {
		t.Errorf("%s: %v, want 200", what, v)
	}
}

// wait waits until a route takes a token.
func (s *identitySite) wait(t *testing.T, path, token string) {
	t.Helper()
	if err := harness.Until(t.Context(), 5*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, path, "", "Authorization", "Bearer "+token); r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// jwt makes a route /name/* for tokens of an issuer.
func (s *identitySite) jwt(t *testing.T, name, issuer string, more harness.Object) {
	t.Helper()
	config := harness.Object{"issuer": issuer, "audiences": []string{"shop"}}
	for k, v := range more {
		config[k] = v
	}
	s.put("routes/"+name, harness.Object{
		"match": harness.Object{"path": "/" + name + "/*"}, "upstream": "app", "policies": []harness.Object{{"type": "jwt", "config": config}},
	})
	s.api.WaitLive("conf")
}

func impossibleKeys(t *testing.T, s *identitySite) {
	for what, fields := range map[string][]string{
		"none": {}, "empty": {"X-API-Key", ""}, "Bearer alone": {"Authorization", "Bearer"}, "another scheme": {"Authorization", "Token " + s.key},
	} {
		s.refuses(t, what, "key_missing", "/admin/x", fields...)
	}
	for what, key := range map[string]string{
		"letters that look alike": strings.Replace(s.key, "t", "т", 1), "shorter": s.key[:len(s.key)-1], "longer": s.key + "a", "upper case": strings.ToUpper(s.key), "long": strings.Repeat("k", 8000),
	} {
		s.refuses(t, what, "key_invalid", "/admin/x", "X-API-Key", key)
	}
	s.passes(t, "white space around the value", "/admin/x", "X-API-Key", s.key+" ")
	for what, value := range map[string]string{"NUL": s.key + "\x00", "huge": strings.Repeat("k", 1<<20)} {
		a := s.send(t, "GET /admin/x HTTP/1.1\r\nHost: "+s.host+"\r\nX-API-Key: "+value+"\r\n\r\n")
		if len(a.statuses) == 0 || a.statuses[0] != 400 && a.statuses[0] != 431 {
			t.Errorf("%s: answered %v", what, a.statuses)
		}
	}
}

// other is a key with another character at i.
func other(key string, i int) string {
	c := byte('a')
	if key[i] == c {
		c = 'b'
	}
	return key[:i] + string(c) + key[i+1:]
}

// plainAnswer is all that a caller sees of a refusal but what is its own.
func (s *identitySite) plainAnswer(t *testing.T, key string) string {
	t.Helper()
	r := s.call.Get(s.addr, s.host, "/admin/x", "", "X-API-Key", key)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	id := r.Header.Get("X-Request-Id")
	r.Header.Del("X-Request-Id")
	r.Header.Del("Date")
	return fmt.Sprintf("%d %v %s", r.Status, r.Header, strings.ReplaceAll(r.Body, id, "ID"))
}

func wrongKeys(t *testing.T, s *identitySite) {
	want := s.plainAnswer(t, other(s.key, len(s.key)-1))
	for what, key := range map[string]string{"an unknown key": generated(t), "the right number, a wrong secret": resealed(s.key, 30), "no key at all": "x"} {
		if got := s.plainAnswer(t, key); got != want {
			t.Errorf("%s:\n%s\nbut a bad checksum:\n%s", what, got, want)
		}
	}
}

func nearKeys(t *testing.T, s *identitySite) {
	first, last := s.plainAnswer(t, resealed(s.key, 19)), s.plainAnswer(t, resealed(s.key, 50))
	if first != last || !strings.HasPrefix(first, "401") {
		t.Errorf("first byte:\n%s\nlast byte:\n%s", first, last)
	}
}

func endedKeysOf(t *testing.T, s *identitySite) {
	id, key := s.api.Key("conf", "alice", nil)
	s.takes(t, "/admin/x", key)
	s.api.Must("POST", "/v1/gateways/conf/keys/"+id+"/revoke", harness.Object{})
	s.until(t, "revoked", "key_revoked", key)
	_, key = s.api.Key("conf", "alice", harness.Object{"expires_at": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)})
	s.until(t, "expired", "key_expired", key)
}

// until waits for a key's refusal by code.
func (s *identitySite) until(t *testing.T, what, code, key string) {
	t.Helper()
	if err := harness.Until(t.Context(), 6*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, "/admin/x", key); r.Status != 401 || r.Code != code {
			return fmt.Errorf("%s: %d %s", what, r.Status, r.Code)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	s.refuses(t, what, code, "/admin/x", "X-API-Key", key)
}

// takes waits until a route takes a key that was just made.
func (s *identitySite) takes(t *testing.T, path, key string) {
	t.Helper()
	if err := harness.Until(t.Context(), 5*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, path, key); r.Status != 200 {
			return fmt.Errorf("a new key: %d %s", r.Status, r.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func foreignKeys(t *testing.T, s *identitySite) {
	api := s.c.SignUp("foreign")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "foreign"})
	api.Must("PUT", "/v1/gateways/foreign/consumers/bob", harness.Object{})
	_, key := api.Key("foreign", "bob", nil)
	if got, want := s.plainAnswer(t, key), s.plainAnswer(t, generated(t)); got != want {
		t.Errorf("a key of another organization:\n%s\nan unknown one:\n%s", got, want)
	}
}

func twoKeys(t *testing.T, s *identitySite) {
	_, second := s.api.Key("conf", "alice", nil)
	s.refuses(t, "two fields", "ambiguous_credentials", "/admin/x", "X-API-Key", s.key, "Authorization", "Bearer "+second)
	s.passes(t, "one key twice", "/admin/x", "X-API-Key", s.key, "Authorization", "Bearer "+s.key)
	h := dialH2(t, s.addr)
	defer h.c.Close()
	if err := h.sendRow(&h2row{fields: request("GET", s.host, "/admin/x", field{"x-api-key", s.key}, field{"x-api-key", second})}); err != nil {
		t.Fatal(err)
	}
	if o := h.wait(1, 3*time.Second); o.status != "400" {
		t.Errorf("a field twice: %v", o)
	}
}

func spelledKeys(t *testing.T, s *identitySite) {
	for _, name := range []string{"x-api-key", "X-API-KEY", "X-Api-Key"} {
		s.passes(t, name, "/admin/x", name, s.key)
	}
	s.refuses(t, "as a password", "key_missing", "/admin/x", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("alice:"+s.key)))
	s.refuses(t, "as a user", "key_missing", "/admin/x", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.key+":")))
}

func rotatedKeys(t *testing.T, s *identitySite) {
	id, old := s.api.Key("conf", "alice", nil)
	s.takes(t, "/admin/x", old)
	o := s.api.Must("POST", "/v1/gateways/conf/keys/"+id+"/rotate", harness.Object{"overlap": "1s"})
	next, _ := o["key"].(string)
	s.takes(t, "/admin/x", next)
	if err := harness.Until(t.Context(), 6*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, "/admin/x", old); r.Status != 401 {
			return fmt.Errorf("the old key after its overlap: %d", r.Status)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func hiddenKeys(t *testing.T, s *identitySite) {
	for _, fields := range [][]string{{"X-API-Key", s.key}, {"Authorization", "Bearer " + s.key}, {"X-API-Key", s.key, "Authorization", "Bearer " + s.key}} {
		s.origin.take()
		s.passes(t, "a key", "/admin/x", fields...)
		time.Sleep(20 * time.Millisecond)
		seen := s.origin.take()
		if len(seen) != 2 || strings.Contains(strings.Join(seen, ""), s.key) {
			t.Errorf("the backend got %q", seen)
		}
	}
}

func scopedKeys(t *testing.T, s *identitySite) {
	s.put("routes/write", harness.Object{
		"match": harness.Object{"path": "/write/*"}, "upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{"scopes": []string{"write"}}}},
	})
	s.api.WaitLive("conf")
	_, reader := s.api.Key("conf", "alice", harness.Object{"scopes": []string{"read"}})
	_, writer := s.api.Key("conf", "alice", harness.Object{"scopes": []string{"write"}})
	s.takes(t, "/write/x", writer)
	s.takes(t, "/admin/x", reader)
	s.passes(t, "with the scope", "/write/x", "X-API-Key", writer)
	for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS"} {
		if v := s.asks(t, method, "/write/x", "X-API-Key", reader); v.status != "403" || v.code != "forbidden" {
			t.Errorf("%s: %v", method, v)
		}
	}
	if r := s.call.Send(t.Context(), "HEAD", s.addr, s.host, "/write/x", reader, nil); r.Status != 403 {
		t.Errorf("HEAD: %d", r.Status)
	}
	if a := s.send(t, "get /write/x HTTP/1.1\r\nHost: "+s.host+"\r\nX-API-Key: "+reader+"\r\n\r\n"); len(a.statuses) == 0 || a.statuses[0] == 200 {
		t.Errorf("a method in lower case: %v", a.statuses)
	}
}

func inventedKeys(t *testing.T, s *identitySite) {
	codes := map[string]int{}
	for range 3000 {
		r := s.call.Get(s.addr, s.host, "/admin/x", generated(t))
		codes[r.Code]++
		if r.Status != 401 && r.Status != 429 {
			t.Fatalf("an invented key: %d %s %v", r.Status, r.Body, r.Err)
		}
	}
	if codes["rate_limited"] == 0 {
		t.Errorf("nobody was held back: %v", codes)
	}
	if r := s.call.Get(s.addr, s.host, "/admin/x", s.key); r.Status != 200 {
		t.Errorf("a known key after the flood: %d %s", r.Status, r.Body)
	}
}

// redisRead looks for the secret in the record that the key is checked by.
func redisRead(t *testing.T, s *identitySite) {
	shard, field := recordOf(t, s.key)
	if v := s.redis(t, "HEXISTS "+shard+" "+field); v != "1" {
		t.Fatalf("the key's record is not in Redis: %q", v)
	}
	secret := s.key[19:51]
	if v := s.redis(t, `EVAL "return string.find(redis.call('HGET',KEYS[1],ARGV[1]),ARGV[2],1,true) or 0" 1 `+shard+" "+field+" "+secret); v != "0" {
		t.Errorf("the record holds the secret, at %s", v)
	}
}

// redisWrite puts a good key's record under the number of a key that was invented.
func redisWrite(t *testing.T, s *identitySite) {
	key := generated(t)
	shard, field := recordOf(t, s.key)
	to, number := recordOf(t, key)
	s.redis(t, `EVAL "return redis.call('HSET',KEYS[2],ARGV[2],redis.call('HGET',KEYS[1],ARGV[1]))" 2 `+shard+" "+to+" "+field+" "+number)
	// What a hostile writer left is no answer about the key: nobody is let in, and the
	// edge says so in its log.
	s.refuses(t, "another key's record", "key_store_unavailable", "/admin/x", "X-API-Key", key)
	next := generated(t)
	to, number = recordOf(t, next)
	s.redis(t, `EVAL "local r=redis.call('HGET',KEYS[1],ARGV[1]) return redis.call('HSET',KEYS[2],ARGV[2],string.sub(r,1,-2)..string.char((string.byte(r,-1)+1)%256))" 2 `+shard+" "+to+" "+field+" "+number)
	s.refuses(t, "a changed record", "key_store_unavailable", "/admin/x", "X-API-Key", next)
}

// redis runs a command as whoever may write to Redis.
func (s *identitySite) redis(t *testing.T, command string) string {
	t.Helper()
	v, err := s.c.Redis.Do(command)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(v), ":")
}

// recordOf is where Redis keeps a key's record.
func recordOf(t *testing.T, key string) (shard, field string) {
	t.Helper()
	p, ok := contract.ParseKey(key)
	if !ok {
		t.Fatalf("not a key")
	}
	return contract.RedisKeys(contract.KeyShard(p.KID)), contract.FormatKID(p.KID)
}

// generated is a well-formed key that nobody has.
func generated(t *testing.T) string {
	t.Helper()
	key, _, err := contract.GenerateKey(contract.KeyPrefixLive)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// resealed is a key with another character at i and a checksum that is right.
func resealed(key string, i int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	key = other(key, i)
	body := key[:len(key)-6]
	sum := make([]byte, 6)
	for n, at := crc32.ChecksumIEEE([]byte(body)), 5; at >= 0; at-- {
		sum[at] = digits[n%62]
		n /= 62
	}
	return body + string(sum)
}
