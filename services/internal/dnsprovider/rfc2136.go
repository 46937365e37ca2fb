package dnsprovider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/libdns/libdns"
	"github.com/miekg/dns"
)

// updateTime bounds one dynamic update.
const updateTime = 15 * time.Second

// RFC2136 changes records by dynamic update, signed by TSIG (RFC 8945).
type RFC2136 struct {
	Server    string // host:port of the zone's primary
	KeyName   string // empty: updates are not signed
	Algorithm string // such as hmac-sha256, the default
	Secret    string // base64
}

// algorithms are the TSIG algorithms that are not broken.
var algorithms = map[string]string{
	"": dns.HmacSHA256, "hmac-sha224": dns.HmacSHA224, "hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512,
}

// KnownAlgorithm says whether a TSIG algorithm may be named.
func KnownAlgorithm(name string) bool { _, ok := algorithms[name]; return ok }

// AppendRecords adds TXT records to a zone, whose name ends with a dot.
func (p *RFC2136) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.update(ctx, zone, records, (*dns.Msg).Insert)
}

// DeleteRecords takes these very records away.
func (p *RFC2136) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.update(ctx, zone, records, (*dns.Msg).Remove)
}

func (p *RFC2136) update(ctx context.Context, zone string, records []libdns.Record, change func(*dns.Msg, []dns.RR)) error {
	rrs := make([]dns.RR, 0, len(records))
	for _, r := range records {
		rr := r.RR()
		if rr.Type != "TXT" {
			return fmt.Errorf("a %s record can't be changed: only TXT records are", rr.Type)
		}
		rrs = append(rrs, &dns.TXT{
			Hdr: dns.RR_Header{Name: dns.Fqdn(libdns.AbsoluteName(rr.Name, zone)), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(rr.TTL / time.Second)},
			Txt: []string{rr.Data},
		})
	}
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	change(m, rrs)
	c := &dns.Client{Net: "tcp", Timeout: updateTime}
	if p.KeyName != "" {
		key := dns.Fqdn(strings.ToLower(p.KeyName))
		c.TsigSecret = map[string]string{key: p.Secret}
		m.SetTsig(key, algorithms[p.Algorithm], 300, time.Now().Unix())
	}
	answer, _, err := c.ExchangeContext(ctx, m, p.Server)
	if err != nil {
		var away *net.OpError
		if errors.As(err, &away) {
			return fmt.Errorf("the name server %s can't be reached: %w", p.Server, err)
		}
		return fmt.Errorf("update %s at %s: %w", zone, p.Server, err)
	}
	switch answer.Rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeNotAuth:
		return fmt.Errorf("the name server %s is not the primary of %s, or does not know the TSIG key %q with this secret (NOTAUTH)", p.Server, zone, p.KeyName)
	case dns.RcodeRefused:
		return fmt.Errorf("the name server %s lets the TSIG key %q not change TXT records in %s (REFUSED): allow it for _acme-challenge", p.Server, p.KeyName, zone)
	}
	return fmt.Errorf("the name server %s answered the update of %s with %s", p.Server, zone, dns.RcodeToString[answer.Rcode])
}
