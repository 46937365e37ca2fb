package sql_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/sql"
	"github.com/tollgate/tollgate/services/contract"
)

// database is a schema of its own on the test's PostgreSQL, and the statements
// that were sent to it.
type database struct {
	cfg *pgx.ConnConfig

	mu   sync.Mutex
	sent bytes.Buffer
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	address := os.Getenv("TOLLGATE_TEST_DATABASE_URL")
	if address == "" {
		t.Fatal("TOLLGATE_TEST_DATABASE_URL is not set: run `make test`")
	}
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{cfg: cfg}
	d.exec(t, `DROP TABLE IF EXISTS tollgate_orders; CREATE TABLE tollgate_orders (id int PRIMARY KEY, customer text, total numeric, paid boolean, at timestamptz DEFAULT '2026-11-22T12:00:00Z', more jsonb)`)
	d.exec(t, `INSERT INTO tollgate_orders SELECT i, 'c' || i % 3, i * 1.50, i % 2 = 0, '2026-11-22T12:00:00Z', '{"a": [1]}' FROM generate_series(1, 30) i`)
	t.Cleanup(func() { d.exec(t, `DROP TABLE tollgate_orders`) })
	return d
}

func (d *database) exec(t *testing.T, statement string) {
	t.Helper()
	c, err := pgx.ConnectConfig(context.Background(), d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// deps connect to the real server, whatever the address says, and record what is
// sent.
func (d *database) deps(testing.TB) policy.Deps {
	out := policytest.NewDeps()
	out.Secret = func(string) ([]byte, error) {
		return fmt.Appendf(nil, "postgres://%s:%s@db.example:5432/%s?sslmode=disable", d.cfg.User, d.cfg.Password, d.cfg.Database), nil
	}
	out.Dial = func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		if address != "db.example:5432" {
			return nil, errors.New("another address: " + address)
		}
		network, at := "tcp", net.JoinHostPort(d.cfg.Host, fmt.Sprint(d.cfg.Port))
		if strings.HasPrefix(d.cfg.Host, "/") {
			network, at = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", d.cfg.Host, d.cfg.Port)
		}
		c, err := new(net.Dialer).DialContext(ctx, network, at)
		return &tapped{c, d}, err
	}
	return out
}

type tapped struct {
	net.Conn
	d *database
}

func (c *tapped) Write(p []byte) (int, error) {
	c.d.mu.Lock()
	c.d.sent.Write(p)
	c.d.mu.Unlock()
	return c.Conn.Write(p)
}

// statements are the texts of every Parse and Query message that was sent.
func (d *database) statements() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.sent.Bytes()
	for len(b) > 5 {
		if b[0] == 0 { // a startup message has no type
			b = b[binary.BigEndian.Uint32(b):]
			continue
		}
		typ, n := b[0], int(binary.BigEndian.Uint32(b[1:]))
		body := b[5 : 1+n]
		b = b[1+n:]
		switch typ {
		case 'Q':
			out = append(out, string(bytes.TrimRight(body, "\x00")))
		case 'P':
			_, rest, _ := bytes.Cut(body, []byte{0})
			text, _, _ := bytes.Cut(rest, []byte{0})
			out = append(out, string(text))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func config(statement, parameters, more string) string {
	return fmt.Sprintf(`{"database":{"secret":"db"},"statement":%q,"parameters":[%s]%s}`, statement, parameters, more)
}

func TestPolicy(t *testing.T) {
	d := newDatabase(t)
	ok := func(body string) policytest.Want {
		return policytest.Want{Answered: true, Status: 200, Body: &body, Header: map[string]string{"Content-Type": "application/json", "Partial-Result": ""}}
	}
	one := func(name, config string, q policytest.Request, want policytest.Want) policytest.Case {
		return policytest.Case{Name: name, Config: config, Deps: d.deps, Steps: []policytest.Step{{Request: q, Want: want}}}
	}
	invalid := policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}
	byID := `{"from":"query","name":"id","type":"integer"}`
	const row = `SELECT id, customer, total, paid, at AT TIME ZONE 'UTC' AS at, more, NULL AS nothing FROM tollgate_orders WHERE id = $1`
	cut := `[{"id":1},{"id":2}]`
	two := ok(cut)
	two.Header = map[string]string{"Partial-Result": "rows;reason=max_rows"}
	who := &policy.Principal{ConsumerName: "c1", Claims: map[string]any{"tier": "gold"}}
	policytest.Run(t, &sql.Descriptor, policytest.Suite{Cases: []policytest.Case{
		one("one row", config(row, byID, `,"result":"one"`), policytest.Request{Query: "id=2"},
			ok(`{"id":2,"customer":"c2","total":3.00,"paid":true,"at":"2026-11-22 12:00:00","more":{"a": [1]},"nothing":null}`)),
		one("no row", config(row, byID, `,"result":"one"`), policytest.Request{Query: "id=99"}, policytest.Want{Answered: true, Status: 404}),
		one("no rows", config(row, byID, ``), policytest.Request{Query: "id=99"}, ok(`[]`)),
		one("too many rows", config(`SELECT id FROM tollgate_orders ORDER BY id`, ``, `,"max_rows":2`), policytest.Request{}, two),
		one("as many as allowed", config(`SELECT id FROM tollgate_orders WHERE id < 3 ORDER BY id`, ``, `,"max_rows":2`), policytest.Request{}, ok(cut)),
		one("of the consumer, a claim and the body", config(`SELECT $1::text AS a, $2::text AS b, $3::jsonb AS c, $4::int AS d`,
			`{"from":"consumer"},{"from":"claim","name":"tier"},{"from":"body","name":"x","type":"json"},{"from":"query","name":"no","type":"integer","default":7}`, `,"result":"one"`),
			policytest.Request{Method: "POST", Body: `{"x":{"y":1}}`, Principal: who}, ok(`{"a":"c1","b":"gold","c":{"y": 1},"d":7}`)),
		one("missing and wrong", config(`SELECT $1, $2`, byID+`,{"from":"header","name":"X-A","type":"uuid"}`, ``), policytest.Request{Header: policytest.Fields{"X-A", "no"}}, invalid),
		one("not of the type", config(row, byID, ``), policytest.Request{Query: "id=1;DROP"}, invalid),
		one("what the database does not take", config(`SELECT $1::text::int AS n`, `{"from":"query","name":"n"}`, ``), policytest.Request{Query: "n=x"}, invalid),
		one("read-only", config(`DELETE FROM tollgate_orders`, ``, `,"result":"exec"`), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
		one("written", config(`UPDATE tollgate_orders SET paid = paid WHERE id < 4`, ``, `,"result":"exec","write":true`), policytest.Request{}, ok(`{"rows_affected":3}`)),
		one("too slow", config(`SELECT pg_sleep(5)`, ``, `,"timeout":"50ms"`), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamTimeout}),
		one("too long", config(`SELECT repeat('x', 5000000) AS x`, ``, ``), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
		one("no such table", config(`SELECT * FROM nothing_at_all`, ``, ``), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
		one("columns of one name", config(`SELECT 1 AS a, 2 AS a`, ``, ``), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
		one("two statements", config(`SELECT 1; SELECT 2`, ``, ``), policytest.Request{}, policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
	}})
}

// TestInjection: whatever is sent as a value, only the registered statement is
// ever sent as one, and the values come back as they were.
func TestInjection(t *testing.T) {
	d := newDatabase(t)
	const registered = `SELECT $1::text AS v, count(*) AS n FROM tollgate_orders`
	p, err := sql.Descriptor.New([]byte(config(registered, `{"from":"body","name":"v"}`, `,"result":"one"`)), d.deps(t))
	if err != nil {
		t.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}
	bases := []string{
		`' OR '1'='1`, `'; DROP TABLE tollgate_orders; --`, `" OR ""="`, `1; DELETE FROM tollgate_orders`, `$1`, `$$; DROP TABLE tollgate_orders; $$`,
		`\'; DROP TABLE tollgate_orders; --`, `' UNION SELECT version(), 1 --`, `'/**/OR/**/1=1#`, `%27%20OR%201=1`,
	}
	n := 0
	for _, base := range bases {
		for i := range 10 {
			v := strings.Repeat("x", i) + base + strings.Repeat(")", i)
			body := fmt.Sprintf(`{"v":%q}`, v)
			want := fmt.Sprintf(`{"v":%s,"n":30}`, strings.TrimSuffix(strings.TrimPrefix(body, `{"v":`), `}`))
			r := policytest.Serve(t, steps, policytest.Step{Request: policytest.Request{Method: "POST", Body: body}})
			if r.Status != 200 || r.Body != want {
				t.Errorf("%q: %d %s", v, r.Status, r.Body)
			}
			n++
		}
	}
	if got := strings.Join(d.statements(), "|"); n != 100 || got != registered+"|begin read only|commit" {
		t.Errorf("after %d values these statements were sent: %s", n, got)
	}
}

// TestConnections: an edge has no more connections than allowed, and who gets none
// in time is told so.
func TestConnections(t *testing.T) {
	d := newDatabase(t)
	p, err := sql.Descriptor.New([]byte(config(`SELECT pg_sleep(0.4)`, ``, `,"connections":1,"timeout":"200ms"`)), d.deps(t))
	if err != nil {
		t.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			began := time.Now()
			if r := policytest.Serve(t, steps, policytest.Step{}); r.Reply.Code != contract.CodeUpstreamTimeout {
				t.Errorf("%v after %v", r.Reply.Code, time.Since(began))
			}
		})
	}
	wg.Wait()
}

// TestAddress: what a secret may hold; an error quotes nothing of it.
// TestManyRows: a table that is far larger than what is answered does not take the
// statement's time.
func TestManyRows(t *testing.T) {
	d := newDatabase(t)
	for _, result := range []string{"rows", "one"} {
		p, err := sql.Descriptor.New([]byte(config("SELECT generate_series(1, 1000000000) AS i", "", `,"max_rows":2,"timeout":"10s","result":"`+result+`"`)), d.deps(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}, policytest.Step{Request: policytest.Request{Path: "/x"}})
			if want := map[string]string{"rows": `[{"i":1},{"i":2}]`, "one": `{"i":1}`}[result]; r.Status != 200 || r.Body != want {
				t.Errorf("%s: %d %q %q", result, r.Status, r.Body, r.Reply.Detail)
			}
		}
	}
}

// TestHostileServer: a server that says that it sends a gigabyte, or that never ends
// to tell of itself, is hung up on.
func TestHostileServer(t *testing.T) {
	ready := []byte("R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I")
	for name, sends := range map[string][]byte{
		"a long message": []byte("D\x40\x00\x00\x00"),
		"many messages":  bytes.Repeat([]byte("S\x00\x00\x00\x08a\x00b\x00"), 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			deps := policytest.NewDeps()
			deps.Secret = func(string) ([]byte, error) { return []byte("postgres://u:p@db.example/x?sslmode=disable"), nil }
			deps.Dial = func(context.Context, string) (io.ReadWriteCloser, error) {
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					if _, err := theirs.Write(ready); err != nil {
						return
					}
					for {
						if _, err := theirs.Write(sends); err != nil {
							return
						}
						if len(sends) < 10 {
							_, _ = theirs.Read(make([]byte, 1))
						}
					}
				}()
				return ours, nil
			}
			p, err := sql.Descriptor.New([]byte(config("SELECT 1", "", `,"timeout":"20s"`)), deps)
			if err != nil {
				t.Fatal(err)
			}
			r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}, policytest.Step{Request: policytest.Request{Path: "/x"}})
			if r.Reply.Code != contract.CodeUpstreamProtocol || !strings.Contains(r.Reply.Detail, "more than is read") {
				t.Errorf("%s %q", r.Reply.Code, r.Reply.Detail)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "mysql://u:hidden@h/n", "postgres://h/n", "postgres://u:hidden@h", "postgres://u:hidden@h:x/n", "postgres://u:hidden@h/n?sslmode=require",
		"postgres://u:hidden@h/n?sslrootcert=/etc/passwd", "postgres://u:hidden@h/n?host=/var/run", "host=/var/run user=x",
	} {
		d := policytest.NewDeps()
		d.Secret = func(string) ([]byte, error) { return []byte(address), nil }
		d.Dial = func(context.Context, string) (io.ReadWriteCloser, error) {
			t.Errorf("%q was dialled", address)
			return nil, errors.New("dialled")
		}
		p, err := sql.Descriptor.New([]byte(config(`SELECT 1`, ``, ``)), d)
		if err != nil {
			t.Fatal(err)
		}
		r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}, policytest.Step{})
		if r.Reply.Code != contract.CodeUpstreamUnavailable || strings.Contains(r.Reply.Detail, "hidden") {
			t.Errorf("%q: %v %q", address, r.Reply.Code, r.Reply.Detail)
		}
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &sql.Descriptor) }

// BenchmarkRefused is what a request costs that never reaches a database.
func BenchmarkRefused(b *testing.B) {
	p, err := sql.Descriptor.New([]byte(config(`SELECT $1`, `{"from":"query","name":"id","type":"integer"}`, ``)), policytest.NewDeps())
	if err != nil {
		b.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &sql.Descriptor, From: "route"}}
	b.ReportAllocs()
	for b.Loop() {
		policytest.Serve(b, steps, policytest.Step{Request: policytest.Request{Query: "id=x"}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}})
	}
}
