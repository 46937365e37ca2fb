package alert

import "testing"

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
