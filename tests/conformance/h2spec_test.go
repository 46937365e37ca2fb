package conformance

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// h2specMissed are the cases that are known to fail, each with its cause.
// All are net/http's own.
var h2specMissed = map[string]string{
	"http2/8.1.2.2: Sends a HEADERS frame that contains the connection-specific header field":                       "net/http answers 400 (RFC 9113, 8.1.1 lets a server answer) instead of resetting the stream",
	"http2/8.1.2.2: Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"": "the same: 400",
}

// TestH2Spec runs h2spec, strict, against the edge over TLS: in clear text a preface
// that is none is a bad request of HTTP/1.1, and answered as one.
func TestH2Spec(t *testing.T) {
	c, _, _ := rpcSite(t)
	e := c.Edges[0]
	report := filepath.Join(t.TempDir(), "report.xml")
	cmd := exec.Command(harness.Bin(t, "tools/h2spec"), "-h", "127.0.0.1", "-p", strconv.Itoa(e.TLSPort), "-t", "-k", "-S", "-o", "3", "-P", "/h2spec", "-j", report)
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput() // it exits with 1 when a case fails
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%.3000s", err, out)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package string  `xml:"package,attr"`
				Class   string  `xml:"classname,attr"`
				Failure *string `xml:"failure"`
				Error   *string `xml:"error"`
				Skipped *string `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(raw, &suites); err != nil {
		t.Fatal(err)
	}
	all, passed := 0, 0
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			all++
			if c.Failure == nil && c.Error == nil && c.Skipped == nil {
				passed++
				continue
			}
			name := c.Package + ": " + c.Class
			if cause, ok := h2specMissed[name]; ok {
				t.Logf("missed: %s (%s)", name, cause)
				continue
			}
			what := "skipped"
			if c.Failure != nil {
				what = *c.Failure
			} else if c.Error != nil {
				what = *c.Error
			}
			t.Errorf("%s: %.500s", name, what)
		}
	}
	t.Logf("h2spec, strict: %d of %d", passed, all)
	if t.Failed() {
		t.Logf("%s", out)
	}
}
