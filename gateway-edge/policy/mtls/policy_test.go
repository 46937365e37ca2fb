package mtls_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/mtls"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func cert(change ...func(*policy.Certificate)) *policy.Certificate {
	c := &policy.Certificate{
		Fingerprint: strings.Repeat("ab", 32), Subject: "CN=pay,O=Bank", CommonName: "pay", DNSNames: []string{"other.example", "pay.bank.example"},
		Emails: []string{"pay@bank.example"}, URIs: []string{"spiffe://bank/pay"}, NotAfter: policytest.Noon.Unix() + 60,
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func show(c *policy.Certificate, w policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Certificate: c}, Want: w}
}

func passed(consumer string) policytest.Want {
	return policytest.Want{Forwarded: true, Consumer: &consumer}
}

func TestPolicy(t *testing.T) {
	none := policytest.Want{Rejected: true, Code: contract.CodeClientCertificate, Status: 403}
	forbidden := policytest.Want{Rejected: true, Code: contract.CodeForbidden}
	one := func(config string, w policytest.Want) policytest.Case {
		return policytest.Case{Name: config, Config: config, Steps: []policytest.Step{show(cert(), w), show(cert(), w)}}
	}
	policytest.Run(t, &mtls.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Steps: []policytest.Step{show(cert(), passed("pay"))}},
		{Name: "none", Steps: []policytest.Step{
			show(nil, none), show(cert(func(c *policy.Certificate) { c.NotAfter = policytest.Noon.Unix() }), none),
			show(cert(func(c *policy.Certificate) { c.CommonName = "" }), forbidden), // the same fingerprint: not judged before
			show(cert(func(c *policy.Certificate) { c.CommonName, c.Fingerprint = "a\nb", strings.Repeat("cd", 32) }), forbidden),
		}},
		one(`{"consumer_prefix":"c:"}`, passed("c:pay")),
		one(`{"name":"dns"}`, passed("other.example")),
		one(`{"name":"dns","allowed":["*.bank.example"]}`, passed("pay.bank.example")),
		one(`{"name":"dns","allowed":["*.BANK.example"]}`, passed("pay.bank.example")),
		one(`{"name":"dns","allowed":["*.example"]}`, passed("other.example")),
		one(`{"name":"dns","allowed":["*.pay.bank.example"]}`, forbidden),
		one(`{"name":"email"}`, passed("pay@bank.example")),
		one(`{"name":"uri","allowed":["spiffe://bank/*"]}`, passed("spiffe://bank/pay")),
		one(`{"name":"uri","allowed":["spiffe://bank/payments*"]}`, forbidden),
		one(`{"name":"subject"}`, passed("CN=pay,O=Bank")),
		one(`{"name":"fingerprint","allowed":["`+strings.Repeat("ab", 32)+`"]}`, passed(strings.Repeat("ab", 32))),
		one(`{"allowed":["Pay"]}`, forbidden),
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &mtls.Descriptor) }

func BenchmarkPolicy(b *testing.B) {
	policytest.Bench(b, &mtls.Descriptor, policytest.Case{Steps: []policytest.Step{show(cert(), passed("pay"))}})
}
