package ipfilter_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/ipfilter"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func from(client string, allowed bool) policytest.Step {
	s := policytest.Step{Request: policytest.Request{Client: client}, Want: policytest.Want{Forwarded: true}}
	if !allowed {
		s.Want = policytest.Want{Rejected: true, Code: contract.CodeForbidden, Status: 403}
	}
	return s
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &ipfilter.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "allow", Hot: true, Config: `{"allow":["203.0.113.0/24","203.0.114.0/24","2001:db8::/32","192.0.2.7"],"deny":["203.0.113.66"]}`, Steps: []policytest.Step{
			from("203.0.113.1", true), from("203.0.113.66", false), from("203.0.114.255", true), from("203.0.115.0", false), from("203.0.112.255", false),
			from("192.0.2.7", true), from("192.0.2.8", false), from("192.0.2.6", false),
			from("2001:db8:ffff::1", true), from("2001:db9::1", false), from("2001:db8::1%eth0", true),
			from("::ffff:203.0.113.1", true), from("::ffff:203.0.113.66", false), from("::ffff:8.8.8.8", false),
		}},
		{Name: "deny", Hot: true, Config: `{"deny":["::/0"]}`, Steps: []policytest.Step{from("203.0.113.1", true), from("::1", false), from("::ffff:1.2.3.4", true)}},
		{Name: "mapped networks", Config: `{"allow":["::ffff:198.51.100.0/120"]}`, Steps: []policytest.Step{from("198.51.100.9", true), from("198.51.101.9", false)}},
		{Name: "everything", Config: `{"deny":["0.0.0.0/0","::/0"]}`, Steps: []policytest.Step{from("255.255.255.255", false), from("ffff::", false), from("0.0.0.0", false)}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &ipfilter.Descriptor) }

func BenchmarkFilter(b *testing.B) {
	policytest.Bench(b, &ipfilter.Descriptor, policytest.Case{
		Config: `{"allow":["203.0.113.0/24","2001:db8::/32"],"deny":["203.0.113.66"]}`,
		Steps:  []policytest.Step{from("203.0.113.1", true)},
	})
}
