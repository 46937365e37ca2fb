package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// watched are secrets that must not be found anywhere.
type watched struct {
	t       testing.TB
	secrets map[string]string // what → text
	hits    int
}

// add watches one more secret. One that is too short would be found by chance.
func (w *watched) add(what, secret string) {
	w.t.Helper()
	if len(secret) < 10 {
		w.t.Fatalf("the %s %q is too short to look for", what, secret)
	}
	for n := 1; ; n++ {
		name := what
		if n > 1 {
			name = fmt.Sprintf("%s %d", what, n)
		}
		if _, ok := w.secrets[name]; !ok {
			w.secrets[name] = secret
			return
		}
	}
}

// forms are a secret as it may stand somewhere: as it is, its last part alone (the
// secret of a key without its public beginning), and encoded.
func forms(secret string) (out [][]byte) {
	parts := []string{secret}
	if i := strings.LastIndexByte(secret, '_'); i > 0 && len(secret)-i > 24 {
		parts = []string{secret[i+1:], secret[i+1 : len(secret)-6]}
	}
	for _, s := range parts {
		out = append(out, []byte(s), []byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))), []byte(url.QueryEscape(s)))
		// In base 64 a text looks otherwise by where it begins in its group of three.
		for skip := range 3 {
			b := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", skip) + s))
			if inner := b[(skip*8+5)/6+1 : len(b)-4]; len(inner) > 12 {
				out = append(out, []byte(inner), []byte(strings.NewReplacer("+", "-", "/", "_").Replace(inner)))
			}
		}
	}
	return out
}

// see looks for every secret in one text.
func (w *watched) see(where string, text []byte) {
	w.t.Helper()
	for what, secret := range w.secrets {
		for _, form := range forms(secret) {
			if i := bytes.Index(text, form); i >= 0 {
				w.hits++
				around := text[max(0, i-60):min(len(text), i+len(form)+20)]
				w.t.Errorf("the %s is in %s: …%q…", what, where, around)
				break
			}
		}
	}
}

// search looks through everything that the cluster has written.
func (w *watched) search(c *harness.Cluster) {
	t := w.t
	t.Helper()
	processes := map[string]*harness.Process{"the portal's log": c.Portal, "the worker's log": c.Worker, "Redis' log": c.Redis.Process, "PostgreSQL's log": c.Postgres.Process}
	for _, e := range c.Edges {
		processes["the log of "+e.ID] = e.Process
	}
	for name, p := range processes {
		w.see(name, []byte(p.Log()))
	}
	dump := dumpDatabase(t, c.Postgres.URL("postgres"))
	if !bytes.Contains(dump, []byte("canary-person@example.com")) {
		t.Fatal("the dump of the database does not hold what was written: nothing was searched")
	}
	w.see("a dump of the database", dump)
	files, size := 0, int64(0)
	err := filepath.WalkDir(c.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		size += int64(len(b))
		w.see("the file "+strings.TrimPrefix(path, c.Dir), b)
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files were read, %v", files, err)
	}
	fmt.Printf("KEY10: %d secrets in %d logs, %d bytes of database dump and %d files of %d MB (database, write-ahead log, Redis' append-only file, edge): %d hits\n",
		len(w.secrets), len(processes), len(dump), files, size>>20, w.hits)
}

// dumpDatabase is the whole database as SQL: a table's page may be compressed.
func dumpDatabase(t testing.TB, dsn string) []byte {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if len(found) == 0 {
		t.Fatal("pg_dump is not installed (Debian package postgresql)")
	}
	cmd := exec.Command(found[len(found)-1], "--inserts", dsn) //nolint:gosec // a test's own
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, stderr.String())
	}
	return out
}

// sink is the least of an SMTP server (RFC 5321) that keeps what it is sent.
type sink struct {
	addr string
	mu   sync.Mutex // guards mails
	// mails are the texts, the oldest first.
	mails []string
}

func startSink(t testing.TB) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &sink{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// serve takes mails over one connection.
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 sink")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, text.String())
			s.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// token waits for a mail to somebody with a link to a page and returns the link's
// token.
func (s *sink) token(t testing.TB, to, page string) (token string) {
	t.Helper()
	err := harness.Until(t.Context(), 15*time.Second, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, mail := range s.mails {
			if !strings.Contains(mail, to) {
				continue
			}
			plain := strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(mail) // quoted-printable
			for word := range strings.FieldsSeq(plain) {
				if u, err := url.Parse(word); err == nil && u.Path == page && u.Query().Get("token") != "" {
					token = u.Query().Get("token")
				}
			}
		}
		if token == "" {
			return fmt.Errorf("no mail to %s with a link to %s among %d", to, page, len(s.mails))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}
