package notice

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/mailform"
)

// About is the organization that a mail is about.
type About struct {
	Organization string // its name
	Portal       string // TOLLGATE_PUBLIC_URL
}

func (a About) link(path, label string) *mailform.Action {
	return &mailform.Action{Label: label, URL: strings.TrimRight(a.Portal, "/") + path}
}

const (
	overviewPath = "/billing/overview"
	plansPath    = "/billing/plans"
	invoicesPath = "/billing/invoices"
)

func (a About) why() string {
	return "You get this because you are an owner of " + a.Organization + " on Tollgate, or care for its billing."
}

// Money is an amount in cents of a currency (ISO 4217, any case): "$1,234.50".
// A currency without a sign of its own is named: "1,234.50 CHF".
func Money(cents int64, currency string) string {
	minus := ""
	whole, rest := cents/100, cents%100
	if cents < 0 {
		minus, whole, rest = "-", -whole, -rest
	}
	amount := fmt.Sprintf("%s.%02d", Count(whole), rest)
	code := strings.ToUpper(currency)
	if sign, ok := map[string]string{"USD": "$", "EUR": "€", "GBP": "£"}[code]; ok {
		return minus + sign + amount
	}
	return minus + amount + " " + code
}

// Count is a number with commas: "5,000,000".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	minus := ""
	if n < 0 {
		minus, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return minus + digits
}

// day and moment are times as mails tell them, in UTC.
func day(t time.Time) string    { return t.UTC().Format("2 January 2006") }
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
