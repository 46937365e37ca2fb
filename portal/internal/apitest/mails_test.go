package apitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/core"
)

func (e *env) orgID(c *caller) core.OrganizationID { return core.OrganizationID(c.org) }

func fetch(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res, readAll(t, res)
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// mails returns the texts of the mails to an address, newest first.
func (e *env) mails(to string) (texts []string) {
	e.t.Helper()
	_, body := fetch(e.t, e.base+"/dev/mails")
	var box struct {
		Items []struct{ To, Text string }
	}
	if err := json.Unmarshal([]byte(body), &box); err != nil {
		e.t.Fatal(err)
	}
	for _, m := range box.Items {
		if m.To == to {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// mailTo waits for a mail with a link to a page and returns the link.
func (e *env) mailTo(to, page string) string {
	e.t.Helper()
	var link string
	eventually(e.t, fmt.Sprintf("a mail to %s with a link to %s", to, page), func() bool {
		for _, text := range e.mails(to) {
			for word := range strings.FieldsSeq(text) {
				if u, err := url.Parse(word); err == nil && u.Path == page {
					link = word
					return true
				}
			}
		}
		return false
	})
	return link
}

func linkToken(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("token")
}
