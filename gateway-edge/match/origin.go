package match

import (
	"fmt"
	"strings"
)

// ParseOrigin takes an allowed origin apart: "https://app.example.com", with a
// port that is not the scheme's own behind it, or "https://*.example.com" for
// everything below a domain. It must be written as browsers write origins
// (RFC 6454, 6.1), since they are compared byte for byte. scheme ends in "://";
// host keeps the wildcard and the port.
func ParseOrigin(s string) (scheme, host string, err error) {
	if s == "null" {
		return "", "", fmt.Errorf("the origin \"null\" is any sandboxed page of any site: it can't be allowed")
	}
	scheme, host, ok := strings.Cut(s, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return "", "", fmt.Errorf("%.80q is no origin: it begins with https:// or http://", s)
	}
	name := strings.TrimPrefix(host, "*.")
	if name == "" || strings.ContainsAny(name, "/?#@*") {
		return "", "", fmt.Errorf("%.80q is no origin: it has scheme, host and port only, and \"*\" as the first label only", s)
	}
	canon, port, err := HostString(name)
	if err != nil {
		return "", "", fmt.Errorf("%.80q is no origin: %w", s, err)
	}
	bare, _, _ := strings.Cut(name, ":")
	if name[0] == '[' {
		bare = name[:strings.IndexByte(name, ']')+1]
	}
	if canon != bare {
		return "", "", fmt.Errorf("browsers write this host as %q", canon)
	}
	if scheme == "https" && port == 443 || scheme == "http" && port == 80 {
		return "", "", fmt.Errorf("browsers leave out the default port %d", port)
	}
	if len(name) != len(host) && (!strings.Contains(canon, ".") || name[0] == '[') {
		return "", "", fmt.Errorf("a wildcard needs a domain of at least two labels behind it")
	}
	return scheme + "://", host, nil
}

// OriginAllowed reports whether a browser's Origin is in a list of origins that
// ParseOrigin took. A wildcard stands for one or more labels.
func OriginAllowed(list []string, origin string) bool {
	for _, o := range list {
		if o == origin {
			return true
		}
		scheme, rest, ok := strings.Cut(o, "*")
		if !ok || len(origin) <= len(scheme)+len(rest) || !strings.HasPrefix(origin, scheme) || !strings.HasSuffix(origin, rest) {
			continue
		}
		if onlyLabels(origin[len(scheme) : len(origin)-len(rest)]) {
			return true
		}
	}
	return false
}

// onlyLabels reports whether s can stand before a domain: nothing else is
// smuggled in front of the suffix.
func onlyLabels(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0 && i < len(s)-1 && s[i-1] != '.') {
			return false
		}
	}
	return true
}
