package e2e

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// injections are texts that would be SQL where a value became part of a statement:
// 25 ends of a literal, each behind four beginnings.
func injections() (out []string) {
	tails := []string{
		`'; DROP TABLE orders; --`, `' OR '1'='1`, `' OR 1=1 --`, `') OR ('1'='1`, `' UNION SELECT 1, passwd, 3 FROM pg_shadow --`, `'; UPDATE orders SET total = 0; --`,
		`' AND (SELECT pg_sleep(3)) IS NULL --`, `'||(SELECT current_user)||'`, `\'; DELETE FROM orders; --`, `''; TRUNCATE orders; --`, `'; COPY orders TO PROGRAM 'id'; --`,
		`'/**/OR/**/1=1/**/--`, `' OR 'x' LIKE '%`, `"; DROP TABLE orders; --`, `$$; DROP TABLE orders; $$`, `'; SELECT lo_import('/etc/passwd'); --`, `'; ALTER USER shop SUPERUSER; --`,
		`' AND 1=CAST((SELECT version()) AS int) --`, `'; SET ROLE postgres; --`, "'\n; DROP TABLE orders;\n--", `%27 OR 1=1 --`, "\u02bc OR 1=1 --", `'; COMMIT; BEGIN READ WRITE; DROP TABLE orders; --`,
		`$1; DROP TABLE orders; --`, `' OR EXISTS(SELECT 1 FROM information_schema.tables) --`,
	}
	for _, head := range []string{"", "ann", "1", "\\"} {
		for _, tail := range tails {
			out = append(out, head+tail)
		}
	}
	return out
}

// TestSQLInjection (8.6): a hundred texts that would be SQL, each in the query, a
// field and the body, and PostgreSQL's own log has the registered statement and
// nothing else.
func TestSQLInjection(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{})
	_, err := c.Postgres.SQL(t.Context(), `
CREATE ROLE shop LOGIN PASSWORD 'secret';
CREATE TABLE orders (id int, customer text, total numeric);
INSERT INTO orders VALUES (1, 'ann', 10), (2, 'bob', 20);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO shop;
ALTER ROLE shop SET log_statement = 'all';
ALTER ROLE shop SET log_parameter_max_length = 0;
ALTER SYSTEM SET log_line_prefix = '<%u> ';
SELECT pg_reload_conf();`)
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t, c, "database", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	s.put("secrets/db", harness.Object{"value": fmt.Sprintf("postgres://shop:secret@127.0.0.1:%d/postgres?sslmode=disable", c.Postgres.Port)})
	const statement = "SELECT id, total FROM orders WHERE customer = $1 OR customer = $2 OR customer = $3"
	s.put("routes/orders", harness.Object{
		"match": harness.Object{"path": "/orders"}, "public": true,
		"integration": harness.Object{"type": "sql", "config": harness.Object{
			"database": harness.Object{"secret": "db"}, "statement": statement,
			"parameters": []harness.Object{
				{"from": "query", "name": "customer", "optional": true},
				{"from": "header", "name": "X-Customer", "optional": true},
				{"from": "body", "name": "customer", "optional": true},
			},
		}},
	})
	s.api.WaitLive(s.name)
	edge := c.Edges[0].Addr()
	if r := s.call.Get(edge, s.host, "/orders?customer=ann", ""); r.Status != 200 || r.Body != `[{"id":1,"total":10}]` {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	asked := 1
	for _, text := range injections() {
		inField := strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return -1
			}
			return c
		}, text)
		for _, r := range []harness.Result{
			s.call.Get(edge, s.host, "/orders?customer="+url.QueryEscape(text), ""),
			s.call.Get(edge, s.host, "/orders", "", "X-Customer", inField),
			s.call.Send(t.Context(), "POST", edge, s.host, "/orders", "", strings.NewReader(fmt.Sprintf(`{"customer":%s}`, quoted(text))), "Content-Type", "application/json"),
		} {
			if asked++; r.Status != 200 || r.Body != `[]` {
				t.Errorf("%q: %d %s %v", text, r.Status, r.Body, r.Err)
			}
		}
	}
	left, err := c.Postgres.SQL(t.Context(), "SELECT count(*), sum(total) FROM orders")
	if err != nil || left != "2|30" {
		t.Errorf("orders are %q, %v", left, err)
	}
	counts := reached(c.Postgres, "shop")
	t.Logf("what reached the server in %d requests: %v", asked, counts)
	for text, n := range counts {
		if text == statement && n != asked || text != statement && text != "begin read only" && text != "commit" {
			t.Errorf("%d times: %s", n, text)
		}
	}
	if counts[statement] == 0 {
		t.Error("the log has nothing of the statement")
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

var logged = regexp.MustCompile(`^<(\w+)> LOG:  (?:statement|execute [^:]*): (.*)$`)

// reached counts the statements of a user in the server's own log.
func reached(p *harness.Postgres, user string) map[string]int {
	out := map[string]int{}
	for line := range strings.SplitSeq(p.Log(), "\n") {
		if m := logged.FindStringSubmatch(line); m != nil && m[1] == user {
			out[m[2]]++
		}
	}
	return out
}
