package redirect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
)

// In the shape of a location a variable is one control character.
const (
	hostMark  = '\x01'
	pathMark  = '\x02'
	otherMark = '\x03'
)

func placeholder(v template.Var) byte {
	switch v {
	case template.Host:
		return hostMark
	case template.Path:
		return pathMark
	}
	return otherMark
}

// checkAuthority checks what stands behind "https://": a literal host with an
// optional port, or {host} alone, up to "/", "?", "#", {path} or the end.
func checkAuthority(rest string) error {
	host := rest
	if i := strings.IndexAny(rest, "/?#"+string(rune(pathMark))); i >= 0 {
		host = rest[:i]
		if err := checkRest(rest[i:]); err != nil {
			return err
		}
	}
	own := strings.HasPrefix(host, string(rune(hostMark)))
	if own {
		// The host that this very request was routed by; a port may follow.
		host = "own.invalid" + host[1:]
	}
	if strings.ContainsAny(host, "\x01\x02\x03") {
		return errors.New("scheme and host are literal, so that no request decides where callers are led; only {host} alone may stand in the host's place")
	}
	canon, _, err := match.HostString(host)
	if err != nil {
		return fmt.Errorf("%q has no valid host: %w", strings.TrimPrefix(host, "own.invalid"), err)
	}
	if own && canon != "own.invalid" {
		return errors.New("{host} is the whole host: nothing but a port may follow it")
	}
	return nil
}

// checkPath checks a location without scheme: it stays on the gateway.
func checkPath(s string) error {
	switch {
	case s == "":
		return errors.New("is needed: an absolute URL such as \"https://www.example.com{path}\", or a path")
	case s[0] == pathMark:
		return checkRest(s)
	case s[0] != '/':
		return errors.New("begins with https://, http://, \"/\" or {path}")
	case len(s) > 1 && (s[1] == '/' || s[1] == pathMark):
		// "//host" is another host to every browser.
		return errors.New("\"//\" would begin a host; {path} begins with \"/\" itself")
	}
	return checkRest(s)
}

// checkRest refuses {host} behind the authority, where it is of no use but to
// mislead.
func checkRest(s string) error {
	if strings.IndexByte(s, hostMark) >= 0 {
		return errors.New("{host} can only stand right behind https:// or http://")
	}
	return nil
}
