package alert

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDescribe: what stands in a message about what has no window.
func TestDescribe(t *testing.T) {
	t.Parallel()
	ends, ships := &Rule{Kind: KindCertificate, Threshold: 14}, &Rule{Kind: KindTelemetry, Threshold: 15}
	for want, got := range map[string]string{
		"The certificate web ends in 6.25 days (threshold 14 days).":                    describe(ends, Figure{Known: true, Value: 6.25, Subject: "The certificate web"}),
		"The certificate web has ended 2 days ago.":                                     describe(ends, Figure{Known: true, Value: -2, Subject: "The certificate web"}),
		"There is no certificate left that ends soon.":                                  describe(ends, Figure{}),
		"It can't be renewed.":                                                          describe(ends, Figure{Known: true, Value: 60, Broken: "It can't be renewed."}),
		"Every telemetry destination takes what it gets.":                               describe(ships, Figure{Known: true}),
		"The telemetry destination c has failed for 20 minutes (threshold 15 minutes).": describe(ships, Figure{Known: true, Value: 20, Subject: "The telemetry destination c"}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestMailOfANotice: a notice's mail is the form that it was queued with, and text
// that an older version has queued is still sent.
func TestMailOfANotice(t *testing.T) {
	t.Parallel()
	m := Message{Type: "alert.firing", Gateway: ref{"gw_1", "shop"}, Alert: about{ref: ref{"alert_1", "errors"}}, Detail: "5 % of the requests were errors.", URL: "https://portal.example.com/gateways/shop/alerts/errors"}
	body, err := json.Marshal(m.mail())
	if err != nil {
		t.Fatal(err)
	}
	f := formOf(&Delivery{Subject: "Alert errors of gateway shop fires", Body: body})
	text, html := f.Write()
	for _, part := range []string{m.Detail, m.URL, "shop", "errors"} {
		if !strings.Contains(text, part) || !strings.Contains(html, part) {
			t.Errorf("%q is missing in\n%s\n%s", part, text, html)
		}
	}
	if f.Subject != "Alert errors of gateway shop fires" {
		t.Error(f.Subject)
	}
	f = formOf(&Delivery{Subject: "Alert", Body: []byte("It fires.\n\nTime: now\n")})
	if text, _ := f.Write(); f.Subject != "Alert" || !strings.HasPrefix(text, "It fires.\n\nTime: now\n") {
		t.Errorf("%+v", f)
	}
}
