package mailform_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/mailform"
)

var full = mailform.Form{
	Subject: "A <b>subject</b>",
	Text:    []string{"First & foremost.", "Two\nlines."},
	Facts:   []mailform.Fact{{"Amount", "$49.00"}, {"Über alles", "yes"}},
	Action:  &mailform.Action{Label: "Open it", URL: "https://tollgate.test/verify?token=a&b=c"},
	After:   []string{"Last."},
	Why:     "You own it.",
}

func TestText(t *testing.T) {
	t.Parallel()
	text, _ := full.Write()
	const want = "First & foremost.\n\nTwo\nlines.\n\nAmount:      $49.00\nÜber alles:  yes\n\nOpen it:\n\nhttps://tollgate.test/verify?token=a&b=c\n\nLast.\n\n-- \nYou own it.\n"
	if text != want {
		t.Errorf("text:\n%q\nwant\n%q", text, want)
	}
	if text, _ := (mailform.Form{Subject: "s", Text: []string{"Only this."}}).Write(); text != "Only this.\n" {
		t.Errorf("the least mail is %q", text)
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	_, html := full.Write()
	for _, want := range []string{
		"<title>A &lt;b&gt;subject&lt;/b&gt;</title>", "First &amp; foremost.", "Two\nlines.", ">$49.00</td>", ">Über alles</th>",
		`href="https://tollgate.test/verify?token=a&amp;b=c"`, "Open it</a>", "Last.", "You own it.",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is missing in\n%s", want, html)
		}
	}
	if !strings.Contains(html, "</span>Tollgate</td>") {
		t.Error("nobody is said to have written")
	}
	another := full
	another.From = "Acme <APIs>"
	if _, html := another.Write(); !strings.Contains(html, "</span>Acme &lt;APIs&gt;</td>") {
		t.Errorf("the sender is missing in\n%s", html)
	}
	if strings.Contains(html, "<b>") {
		t.Error("what a mail says became markup")
	}
	// A mail must not tell anybody that it was read, nor load what can change.
	if found := regexp.MustCompile(`(?i)<(img|script|link|iframe|object|form)\b|url\(|@import|\bon[a-z]+=`).FindString(html); found != "" {
		t.Errorf("the HTML holds %q", found)
	}
}

// TestOnlyWebLinks: a label of somebody's choice in the address can't make a link
// that runs something.
func TestOnlyWebLinks(t *testing.T) {
	t.Parallel()
	f := mailform.Form{Subject: "s", Action: &mailform.Action{Label: "Go", URL: "javascript:alert(1)"}}
	if _, html := f.Write(); strings.Contains(html, `href="javascript:`) {
		t.Errorf("a script is linked:\n%s", html)
	}
}
