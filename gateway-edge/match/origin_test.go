package match

import "testing"

func TestOrigins(t *testing.T) {
	for s, ok := range map[string]bool{
		"https://app.example.com": true, "http://localhost:3000": true, "https://*.example.com": true, "https://[::1]:8443": true,
		"null": false, "*": false, "": false, "https://": false, "https://*.": false, "ftp://a.example": false, "https://a.example/": false, "https://App.example.com": false,
		"https://a.example:443": false, "http://a.example:80": false, "https://*.com": false, "https://a.*.example": false, "app.example.com": false,
	} {
		if _, _, err := ParseOrigin(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
	list := []string{"https://app.example.com", "https://*.trusted.example", "http://*.dev.example:8080"}
	for origin, ok := range map[string]bool{
		"https://app.example.com": true, "https://a.trusted.example": true, "https://a.b.trusted.example": true, "http://x.dev.example:8080": true,
		"http://app.example.com": false, "https://app.example.com:8443": false, "https://trusted.example": false, "https://.trusted.example": false,
		"https://eviltrusted.example": false, "https://evil.example/.trusted.example": false, "https://a..trusted.example": false,
		"https://x@a.trusted.example": false, "http://x.dev.example": false, "null": false, "": false,
	} {
		if OriginAllowed(list, origin) != ok {
			t.Errorf("%q is judged wrongly", origin)
		}
	}
	if OriginAllowed(nil, "https://a.example") {
		t.Error("an empty list allows somebody")
	}
}
