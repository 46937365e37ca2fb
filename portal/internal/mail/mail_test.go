package mail

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/tenant"
)

// server is the least of an SMTP server (RFC 5321): it takes one mail and hands
// out its text. With refuse it turns every recipient away.
func server(t *testing.T, refuse bool) (addr string, mails <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		// A client that gave up may leave the connection to its finalizer.
		defer context.AfterFunc(t.Context(), func() { _ = c.Close() })()
		r := bufio.NewReader(c)
		say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
		say("220 test")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); {
			case verb == "RCPT" && refuse:
				say("550 nobody here")
			case verb == "DATA":
				say("354 go on")
				var text strings.Builder
				for line != ".\r\n" {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
					text.WriteString(line)
				}
				got <- text.String()
				say("250 ok")
			case verb == "QUIT":
				say("221 bye")
				return
			default:
				say("250 ok")
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String(), got
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	addr, mails := server(t, false)
	s, err := NewSMTP("smtp://" + addr + "?tls=none&from=no-reply@tollgate.test")
	if err != nil {
		t.Fatal(err)
	}
	m := tenant.Mail{To: "ada@example.com", Subject: "Grüße\r\nBcc: eve@example.com", Text: "one\n.\ntwo"}
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text := <-mails
	for _, want := range []string{"To: <ada@example.com>", "From: <no-reply@tollgate.test>", "Auto-Submitted: auto-generated", "two"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\nBcc:") {
		t.Errorf("a subject made a header field:\n%s", text)
	}
	if strings.Contains(text, "multipart/") {
		t.Errorf("a mail without HTML has parts:\n%s", text)
	}
	addr, mails = server(t, false)
	if s, err = NewSMTP("smtp://" + addr + "?tls=none"); err != nil {
		t.Fatal(err)
	}
	m.HTML = "<p>one</p>"
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text = <-mails
	plain, html := strings.Index(text, "text/plain"), strings.Index(text, "text/html")
	// The last form is the one that a reader's program prefers.
	if !strings.Contains(text, "multipart/alternative") || plain < 0 || html < plain || !strings.Contains(text, "<p>one</p>") {
		t.Errorf("want the text, then the HTML, as alternatives:\n%s", text)
	}
	addr, _ = server(t, true)
	if s, err = NewSMTP("smtp://" + addr + "?tls=none"); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), m); err == nil {
		t.Error("a refused recipient is no error")
	}
}

func TestSMTPDemandsTLS(t *testing.T) {
	t.Parallel()
	addr, _ := server(t, false)
	s, err := NewSMTP("smtp://user:pw@" + addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), tenant.Mail{To: "ada@example.com"}); err == nil {
		t.Error("a password was sent in clear")
	}
}

func TestSMTPURLs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:70000", "smtp://h?tls=maybe", "smtp://h?from=nobody", "smtp://user:secret@h:port"} {
		_, err := NewSMTP(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestBoxKeepsTheNewest(t *testing.T) {
	t.Parallel()
	b := NewBox(slog.New(slog.DiscardHandler), time.Now)
	for i := range boxSize + 5 {
		if err := b.Send(t.Context(), tenant.Mail{To: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, nil)
	var got struct{ Items []Kept }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Items) != boxSize || got.Items[0].To != fmt.Sprint(boxSize+4) {
		t.Fatalf("%d mails, %v", len(got.Items), err)
	}
}
