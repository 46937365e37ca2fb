// Package policytest is the kit that every policy runs in its tests:
//
//	func TestPolicy(t *testing.T) { policytest.Run(t, &apikey.Descriptor, policytest.Suite{Cases: cases}) }
//
// Each case is a configuration and one or more requests with what must come of
// them. It runs under three drivers that must agree: texts over one buffer as
// the HTTP/1.1 engine makes them, strings as the net/http engine has them, and a
// hostile driver that resumes every wait on another goroutine, splits bodies at
// every byte, ends contexts early in extra rounds, and after the last OnDone
// overwrites every buffer with 0xDB and then searches the policy, its runtime
// state and its traces for that byte: a policy that kept a Text shows at once.
//
// Run also checks the configuration samples in the policy's folder
// (testdata/valid, testdata/invalid) with the policy's own constructor, and that
// the hot path of the cases marked Hot allocates nothing.
package policytest
