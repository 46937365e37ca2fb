package upstreamauth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// TestSignatures holds the signature to examples that AWS published: those of its
// test suite for Signature Version 4, and of S3's reference.
func TestSignatures(t *testing.T) {
	t.Parallel()
	suite := signer{region: "us-east-1", service: "service", host: "example.amazonaws.com", id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	s3 := signer{region: "us-east-1", service: "s3", host: "examplebucket.s3.amazonaws.com", id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", s3: true}
	suiteTime, s3Time := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	sum := sha256.Sum256(nil)
	empty := hex.EncodeToString(sum[:])
	for _, tt := range []struct {
		name                string
		s                   signer
		at                  time.Time
		method, path, query string
		want                string
	}{
		{"get-vanilla", suite, suiteTime, "GET", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", suite, suiteTime, "GET", "/", "Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"post-vanilla", suite, suiteTime, "POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"s3, bucket lifecycle", s3, s3Time, "GET", "/", "lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"s3, list objects", s3, s3Time, "GET", "/", "max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		got := tt.s.authorization(tt.method, tt.path, tt.query, empty, tt.at)
		if !strings.HasSuffix(got, "Signature="+tt.want) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	s3, other := signer{s3: true}, signer{}
	for _, tt := range []struct{ sent, s3, other string }{
		{"/a%20b/c:d", "/a%20b/c%3Ad", "/a%2520b/c%3Ad"}, {"/%C3%A9", "/%C3%A9", "/%25C3%25A9"}, {"/~x-y_z.", "/~x-y_z.", "/~x-y_z."},
	} {
		if a, b := s3.path(tt.sent), other.path(tt.sent); a != tt.s3 || b != tt.other {
			t.Errorf("%s: %s and %s", tt.sent, a, b)
		}
	}
	for in, want := range map[string]string{"b=2&a=1": "a=1&b=2", "a=2&a=1": "a=1&a=2", "x": "x=", "a=b+c&&d=%2f": "a=b%20c&d=%2F", "ü=1": "%C3%BC=1"} {
		if got := canonicalQuery(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
