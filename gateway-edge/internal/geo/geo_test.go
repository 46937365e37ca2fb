package geo

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

// write makes a database.
func write(t testing.TB, path string, networks map[string]string) {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, code := range networks {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCountry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "countries.mmdb")
	write(t, path, map[string]string{"203.0.113.0/24": "DE", "198.51.100.0/25": "FR", "2001:db8:1::/48": "NL"})
	var logged bytes.Buffer
	d, err := Open(path, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from memory
		for addr, want := range map[string]string{
			"203.0.113.9": "DE", "::ffff:203.0.113.9": "DE", "198.51.100.1": "FR", "198.51.100.200": "", "2001:db8:1::7": "NL", "2001:db8:2::7": "", "10.0.0.1": "",
		} {
			if got := d.Country(netip.MustParseAddr(addr)); got != want {
				t.Errorf("%s is in %q, want %q", addr, got, want)
			}
		}
	}
	if d.Country(netip.Addr{}) != "" {
		t.Error("no address is somewhere")
	}
	a := netip.MustParseAddr("203.0.113.9")
	if n := alloctest.PerRun(100, func() { d.Country(a) }); n != 0 {
		t.Errorf("%v allocations a look", n)
	}

	// A newer file is taken; one that can't be read, or none, is not.
	later := time.Now().Add(time.Hour)
	write(t, path, map[string]string{"203.0.113.0/24": "AT"})
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	d.refresh()
	if got := d.Country(a); got != "AT" {
		t.Errorf("after the change it is in %q", got)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.refresh()
	d.refresh()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.refresh()
	d.refresh()
	if got := d.Country(a); got != "AT" {
		t.Errorf("with a bad file it is in %q", got)
	}
	if n := strings.Count(logged.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings, want one for each trouble: %s", n, &logged)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.mmdb")
	if _, err := Open(path, slog.Default()); err == nil {
		t.Error("a file that is not there is opened")
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, slog.Default()); err == nil || !strings.Contains(err.Error(), "countries") {
		t.Error("nonsense:", err)
	}
}
