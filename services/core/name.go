package core

import "fmt"

// MaxName bounds the name of a resource, in bytes.
const MaxName = 128

// CheckName says what is wrong with the name of a route, upstream, usage plan,
// secret or consumer: letters, digits, ".", "_" and "-", beginning with a letter
// or digit. Such a name stands in a path, a header field and a log line as it is.
func CheckName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("must not be empty")
	case len(s) > MaxName:
		return fmt.Errorf("is %d characters, at most %d are allowed", len(s), MaxName)
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("may hold letters, digits, %q, %q and %q and begins with a letter or digit", ".", "_", "-")
		}
	}
	return nil
}

// MaxGatewayName leaves room for "-xxxxx" in a DNS label of 63 characters.
const MaxGatewayName = 57

// CheckGatewayName says what is wrong with a gateway's name, which becomes a DNS
// label: lower-case letters, digits and inner hyphens.
func CheckGatewayName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("must not be empty")
	case len(s) > MaxGatewayName:
		return fmt.Errorf("is %d characters, at most %d are allowed", len(s), MaxGatewayName)
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (c != '-' || i == 0 || i == len(s)-1) {
			return fmt.Errorf("becomes a host name: lower-case letters, digits and inner hyphens only")
		}
	}
	// RFC 5891, 4.2.3.1: what "xn--" and its like would mean is not ours to say.
	if len(s) >= 4 && s[2:4] == "--" {
		return fmt.Errorf("becomes a host name, which has no hyphens in the third and fourth place")
	}
	return nil
}
