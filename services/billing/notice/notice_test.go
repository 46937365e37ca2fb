package notice_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing/notice"
	"github.com/tollgate/tollgate/services/mailform"
)

var update = flag.Bool("update", false, "write the golden mails anew")

var (
	about = notice.About{Organization: "Ada & Company", Portal: "https://tollgate.test/"}
	now   = time.Date(2027, time.February, 28, 13, 37, 0, 0, time.UTC)
	debt  = notice.Debt{
		About: about, Invoice: "TG-0007", Cents: 61250, Currency: "usd", Plan: "Pro", NextTry: now.Add(72 * time.Hour),
		CappedAt: now.AddDate(0, 0, 7), SuspendedAt: now.AddDate(0, 0, 14), Included: 5_000_000,
	}
	change = notice.Change{About: about, From: "Scale", To: "Pro", Cents: 4900, Currency: "usd", Included: 5_000_000, At: now}
	share  = notice.Share{
		About: about, Percent: 80, Plan: "Pro", Used: 4_000_001, Included: 5_000_000, SpentCents: 800, CapCents: 1000,
		Currency: "usd", OverageRequests: 100_000, OverageCents: 50, PeriodEnd: now,
	}
	bill = notice.Bill{
		About: about, ID: "inv_7", Number: "TG-0007", Cents: 61250, Currency: "eur",
		PeriodFrom: now.AddDate(0, -1, 0), PeriodTo: now,
	}
)

// with returns a copy that was changed.
func with[T any](v T, change func(*T)) *T {
	change(&v)
	return &v
}

// TestMails holds every mail, in both forms, to what was read by a person once.
func TestMails(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]mailform.Form{
		"payment-failed":           notice.PaymentFailed(&debt),
		"payment-failed-for-good":  notice.PaymentFailed(with(debt, func(d *notice.Debt) { d.NextTry = time.Time{} })),
		"grace-reminder":           notice.GraceReminder(&debt),
		"capped":                   notice.Capped(&debt),
		"payment-failed-unbounded": notice.PaymentFailed(with(debt, func(d *notice.Debt) { d.Unbounded = true })),
		"still-unpaid":             notice.Capped(with(debt, func(d *notice.Debt) { d.Unbounded = true })),
		"suspended":                notice.Suspended(&debt),
		"paid-again":               notice.PaidAgain(&notice.Settled{About: about, Invoice: "TG-0007", Cents: 61250, Currency: "usd"}),
		"paid-again-limited":       notice.PaidAgain(&notice.Settled{About: about, Invoice: "TG-0007", Cents: 61250, Currency: "chf", Limited: true}),
		"plan-changed":             notice.PlanChanged(with(change, func(c *notice.Change) { c.Now = true })),
		"plan-changes":             notice.PlanChanged(&change),
		"change-undone":            notice.ChangeUndone(&change),
		"canceled":                 notice.Canceled(&change),
		"ended":                    notice.Canceled(with(change, func(c *notice.Change) { c.Now, c.To = true, "Free" })),
		"invoice":                  notice.InvoiceReady(&bill),
		"invoice-paid":             notice.InvoiceReady(with(bill, func(b *notice.Bill) { b.Paid = true })),
		"invoice-due":              notice.InvoiceReady(with(bill, func(b *notice.Bill) { b.DueAt = now })),
		"included-80":              notice.IncludedUsed(&share),
		"included-100-hard": notice.IncludedUsed(with(share, func(s *notice.Share) {
			s.Percent, s.Used, s.OverageRequests, s.OverageCents = 100, 5_000_000, 0, 0
		})),
		"cap-80":  notice.CapUsed(&share),
		"cap-100": notice.CapUsed(with(share, func(s *notice.Share) { s.Percent, s.SpentCents = 100, 1000 })),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, html := form.Write()
			golden(t, name+".txt", "Subject: "+form.Subject+"\n\n"+text)
			golden(t, name+".html", html)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: go test ./billing/notice -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; read it, then go test ./billing/notice -update:\n%s", name, got)
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		cents    int64
		currency string
	}{
		"$0.00": {0, "usd"}, "$0.05": {5, "usd"}, "-$12.30": {-1230, "USD"}, "€1,234,567.89": {123456789, "eur"}, "1,000.00 CHF": {100000, "chf"},
		"-$0.05": {-5, "usd"}, "-£92,233,720,368,547,758.08": {-1 << 63, "gbp"},
	} {
		if got := notice.Money(c.cents, c.currency); got != want {
			t.Errorf("Money(%d, %s) = %q, want %q", c.cents, c.currency, got, want)
		}
	}
	if got := notice.Count(-1234); got != "-1,234" {
		t.Errorf("Count(-1234) = %q", got)
	}
}
