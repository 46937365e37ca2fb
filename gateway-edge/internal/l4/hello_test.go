package l4

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// helloOf is what a real client sends first.
func helloOf(t testing.TB, name string) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go func() { _ = tls.Client(a, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() }()
	_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, MaxHello)
	n, err := b.Read(buf)
	must(t, err)
	return buf[:n]
}

// cut writes the message of one record as records of at most n bytes.
func cut(record []byte, n int) (out []byte) {
	for body := record[recordHead:]; len(body) > 0; {
		part := body[:min(n, len(body))]
		body = body[len(part):]
		out = append(out, record[0], record[1], record[2])
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return out
}

func TestServerName(t *testing.T) {
	t.Parallel()
	hello := helloOf(t, "db.demo.localhost")
	for name, c := range map[string]struct {
		in   []byte
		want string
		bad  bool
	}{
		"whole":                      {hello, "db.demo.localhost", false},
		"with more behind it":        {append(hello[:len(hello):len(hello)], "more"...), "db.demo.localhost", false},
		"in records of 100 bytes":    {cut(hello, 100), "db.demo.localhost", false},
		"in too many records":        {cut(hello, 1), "", true},
		"without a name":             {helloOf(t, ""), "", false},
		"in upper case":              {helloOf(t, "DB.Demo.LocalHost"), "db.demo.localhost", false},
		"HTTP":                       {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "", true},
		"an alert":                   {[]byte{21, 3, 3, 0, 2, 1, 0}, "", true},
		"an empty record":            {[]byte{22, 3, 1, 0, 0}, "", true},
		"a record that is too large": {[]byte{22, 3, 1, 0xff, 0xff}, "", true},
		"a hello that is too large":  {[]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, "", true},
	} {
		got, need, err := ServerName(c.in)
		if got != c.want || (err != nil) != c.bad || need != 0 {
			t.Errorf("%s: %q, need %d, %v", name, got, need, err)
		}
	}
}

// TestServerNameByPieces: each beginning asks for more, never for what is too much
// or was there already.
func TestServerNameByPieces(t *testing.T) {
	t.Parallel()
	for _, hello := range [][]byte{helloOf(t, "a.example"), cut(helloOf(t, "a.example"), 90)} {
		for n := range hello {
			name, need, err := ServerName(hello[:n])
			if err != nil || name != "" || need <= n || need > len(hello) {
				t.Fatalf("%d of %d bytes: %q, need %d, %v", n, len(hello), name, need, err)
			}
		}
	}
}

func FuzzServerName(f *testing.F) {
	hello := helloOf(f, "db.example.com")
	f.Add(hello)
	f.Add(cut(hello, 64))
	f.Add(hello[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		name, need, err := ServerName(b)
		switch {
		case err != nil && (name != "" || need != 0):
			t.Fatalf("error with %q, %d", name, need)
		case need > 0 && (need <= len(b) || need > MaxHello || name != ""):
			t.Fatalf("need %d of %d, %q", need, len(b), name)
		case need == 0 && err == nil:
			// What is behind the hello never changes the answer.
			again, more, err := ServerName(append(b[:len(b):len(b)], 0xff, 0, 1))
			if again != name || more != 0 || err != nil {
				t.Fatalf("%q became %q, %d, %v", name, again, more, err)
			}
		}
	})
}
