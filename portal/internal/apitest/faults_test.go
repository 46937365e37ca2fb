package apitest

import (
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations"
)

// exec runs a statement beside the portal.
func (e *env) exec(dbURL, statement string) {
	e.t.Helper()
	db := e.open(dbURL)
	defer db.Close()
	if _, err := db.ExecContext(e.t.Context(), statement); err != nil {
		e.t.Fatal(err)
	}
}

// count asks the environment's database for a number.
func (e *env) count(query string) (n int) {
	e.t.Helper()
	db := e.open(e.dbURL)
	defer db.Close()
	if err := db.QueryRowContext(e.t.Context(), query).Scan(&n); err != nil {
		e.t.Fatal(err)
	}
	return n
}

func (e *env) open(dbURL string) *sql.DB {
	e.t.Helper()
	target, err := migrations.ParseURL(dbURL)
	if err != nil {
		e.t.Fatal(err)
	}
	db, err := sql.Open(target.Driver, target.DSN)
	if err != nil {
		e.t.Fatal(err)
	}
	return db
}

// TestDeathBetweenCommitAndAnswer puts the database into the state that a portal
// leaves which is killed after it made something and before it answered.
func TestDeathBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		for _, c := range []struct {
			name, path string
			body       object
		}{
			{"key", g + "/keys", object{"consumer": "c"}},
			{"token", "/v1/tokens", object{"name": "ci", "scopes": []string{"*"}}},
			{"route", g + "/routes", object{"name": "r2", "match": object{"path": "/r2"}, "upstream": "u", "public": true}},
			{"consumer", g + "/consumers", object{"name": "c2"}},
			{"gateway", "/v1/gateways", object{"name": "second"}},
		} {
			once := ada.with("Idempotency-Key", "death-"+c.name)
			a := once.post(c.path, c.body).want(201)
			e.exec(e.dbURL, "UPDATE idempotency SET status = 0, headers = '', body = ''")
			b := once.post(c.path, c.body).want(201)
			if b.str("id") != a.str("id") || b.at("key") != nil || b.at("token") != nil {
				t.Fatalf("%s: made %s, the retry answered %s", c.name, a.body, b.body)
			}
			once.post(c.path, c.body).want(201) // and from now on it is a plain replay
		}
		key := g + "/keys/" + ada.post(g+"/keys", object{"consumer": "c"}).want(201).str("id")
		once := ada.with("Idempotency-Key", "death-rotate")
		a := once.post(key+"/rotate", object{}).want(201)
		e.exec(e.dbURL, "UPDATE idempotency SET status = 0, headers = '', body = ''")
		if b := once.post(key+"/rotate", object{}).want(201); b.str("id") != a.str("id") {
			t.Fatalf("the rotation made %s, the retry answered %s", a.body, b.body)
		}
		revoke := ada.with("Idempotency-Key", "death-revoke")
		revoke.post(key+"/revoke", nil).want(200)
		e.exec(e.dbURL, "UPDATE idempotency SET status = 0, headers = '', body = ''")
		revoke.post(key+"/revoke", nil).want(200)

		// Killed before the commit: nothing was made, and the retry waits until the
		// first request counts as dead.
		first := ada.with("Idempotency-Key", "death-early")
		first.post(g+"/keys", object{"consumer": "late"}).want(422)
		e.exec(e.dbURL, "UPDATE idempotency SET status = 0, headers = '', body = ''")
		ada.put(g+"/consumers/late", object{}).want(201)
		first.post(g+"/keys", object{"consumer": "late"}).want(201)
	})
}

func TestSignupThatDied(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	anon := (&caller{e: e}).with("Idempotency-Key", "signup")
	body := object{"email": "ada@example.com", "password": password, "organization": "Ada"}
	a := anon.post("/v1/signup", body).want(201)
	if b := anon.post("/v1/signup", body).want(201); b.at("token") != nil || b.str("organization", "id") != a.str("organization", "id") {
		t.Fatalf("replay answered %s", b.body)
	}
	e.exec(e.dbURL, "UPDATE idempotency SET status = 0, headers = '', body = ''")
	anon.post("/v1/signup", body).wantCode(409, "email_taken")
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	ada.demo("demo")
	u, err := url.Parse(e.dbURL)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	server := os.Getenv("TOLLGATE_TEST_DATABASE_URL")
	e.exec(server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	e.exec(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	anon := &caller{e: e}
	began := time.Now()
	for range 3 {
		ada.get("/v1/gateways").wantCode(503, "store_unavailable")
		ada.put("/v1/gateways/demo/consumers/x", object{}).wantCode(503, "store_unavailable")
		anon.post("/v1/login", object{"email": ada.email, "password": password}).wantCode(503, "store_unavailable")
		anon.post("/v1/password/forgot", object{"email": ada.email}).wantCode(503, "store_unavailable")
	}
	if took := time.Since(began); took > time.Minute { // each is refused within 2 s where nothing else holds it up
		t.Errorf("12 refusals took %s", took)
	}
	if res, _ := fetch(t, e.base+"/readyz"); res.StatusCode != 503 {
		t.Errorf("readyz is %d", res.StatusCode)
	}
	if res, _ := fetch(t, e.base+"/healthz"); res.StatusCode != 200 {
		t.Errorf("healthz is %d", res.StatusCode)
	}
	anon.get("/v1/plans").want(200)
	e.exec(server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	eventually(t, "the portal comes back", func() bool { return ada.get("/v1/gateways").status == 200 })
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	g := ada.demo("demo")
	key := ada.post(g+"/keys", object{"consumer": "c"}).want(201).str("id")
	if err := e.redis.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if a := ada.get(g).want(200); a.at("live") != nil {
		t.Errorf("without Redis a gateway is live: %s", a.body)
	}
	if list := ada.get("/v1/gateways").want(200).list("items"); list[0].(object)["live"] != nil {
		t.Errorf("without Redis gateways are live: %v", list)
	}
	if a := ada.post(g+"/keys/"+key+"/revoke?wait=20ms", nil).want(200); a.at("complete") != false {
		t.Errorf("without Redis a revocation is complete: %s", a.body)
	}
	ada.put(g+"/consumers/new", object{}).want(201)
	ada.get(g+"/live").wantCode(503, "unavailable")
	ada.get(g+"/health").wantCode(503, "unavailable")
	ada.post(g+"/explain", object{"url": "/orders/1"}).wantCode(503, "unavailable")
	if res, _ := fetch(t, e.base+"/readyz"); res.StatusCode != 200 {
		t.Errorf("readyz is %d", res.StatusCode)
	}
}
