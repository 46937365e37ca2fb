package lambdaruntime

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// verify checks a request's signature (AWS General Reference, Signature Version 4).
func (s *Service) verify(r *http.Request, body []byte) error {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "AWS4-HMAC-SHA256" {
		return errors.New("the request is not signed")
	}
	parts := map[string]string{}
	for p := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	switch {
	case err != nil || time.Since(at).Abs() > 5*time.Minute:
		return fmt.Errorf("the request's time %q is not now", stamp)
	case len(scope) != 5 || scope[0] != s.cfg.KeyID || scope[1] != stamp[:8] || scope[2] != s.cfg.Region || scope[3] != "lambda" || scope[4] != "aws4_request":
		return fmt.Errorf("the credential is for %v", scope)
	case r.Header.Get("X-Amz-Security-Token") != s.cfg.Token:
		return errors.New("the session token is another one")
	}
	signed := strings.Split(parts["SignedHeaders"], ";")
	need := []string{"host", "x-amz-date"}
	if s.cfg.Token != "" {
		need = append(need, "x-amz-security-token")
	}
	var fields strings.Builder
	for _, name := range signed {
		v := r.Header.Get(name)
		switch name {
		case "host":
			v = r.Host
		case "content-length":
			v = fmt.Sprint(r.ContentLength)
		}
		fields.WriteString(name + ":" + strings.Join(strings.Fields(v), " ") + "\n")
	}
	for _, name := range need {
		if !slices.Contains(signed, name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	content := sha256.Sum256(body)
	canonical := strings.Join([]string{
		r.Method, escape(r.URL.EscapedPath()), canonicalQuery(r.URL.Query()), fields.String(), parts["SignedHeaders"], hex.EncodeToString(content[:]),
	}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + s.cfg.Secret)
	for _, p := range scope[1:] {
		key = mac(key, p)
	}
	want := mac(key, strings.Join([]string{scheme, stamp, strings.Join(scope[1:], "/"), hex.EncodeToString(hash[:])}, "\n"))
	if got, err := hex.DecodeString(parts["Signature"]); err != nil || !hmac.Equal(got, want) {
		return errors.New("the signature does not match")
	}
	return nil
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

// escape encodes what is sent once more, but for "/".
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(parts[i]), "+", "%20")
	}
	return strings.Join(parts, "/")
}

func canonicalQuery(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20") // sorted by name
}
