// Package waf is the policy "waf": a web application firewall, Coraza with the
// OWASP Core Rule Set.
//
// Rules are compiled once a configuration, and shared by all routes that have the
// same one. A request costs as much as it has for the rules to look at: values of
// JSON bodies that plainly can match none of them are left out (plain.go).
package waf
