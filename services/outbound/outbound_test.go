package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/outbound"
)

// open lets everything be dialled.
type open struct{}

func (open) CheckDial(netip.AddrPort) error { return nil }

// TestReasonsNameNothingOfOurs: why a receiver was not reached never says what our own
// resolver is, or where a name leads to.
func TestReasonsNameNothingOfOurs(t *testing.T) {
	t.Parallel()
	unknown := &net.DNSError{Err: "no such host", Name: "hooks.example.com", Server: "10.96.0.10:53", IsNotFound: true}
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"an unknown name":  {&net.OpError{Op: "dial", Net: "tcp", Err: unknown}, "the receiver's name can't be resolved"},
		"a slow resolver":  {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o timeout", Server: "10.96.0.10:53", IsTimeout: true}}, "the receiver did not answer in time"},
		"too late":         {context.DeadlineExceeded, "the receiver did not answer in time"},
		"broken off":       {errors.New("read tcp 10.0.0.7:40012->198.51.100.1:443: connection reset"), "the receiver broke off or its TLS can't be verified"},
		"refused by guard": {&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("it is not allowed")}, "the receiver can't be reached: it is not allowed"},
	} {
		if got := outbound.Reason(c.err).Error(); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	// As net/http says it.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://no-such-name.invalid/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = outbound.Client(open{}, 5*time.Second).Do(req) //nolint:bodyclose // there is none
	if err == nil {
		t.Fatal("a name that there can't be was reached")
	}
	if got := outbound.Reason(err).Error(); !strings.Contains(got, "resolved") && !strings.Contains(got, "in time") {
		t.Errorf("an unknown name: %q of %v", got, err)
	}
}
