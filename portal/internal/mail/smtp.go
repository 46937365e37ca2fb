package mail

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/tollgate/tollgate/services/tenant"
)

// SMTP sends by a mail server.
type SMTP struct {
	host    string
	from    string
	options []gomail.Option
}

const smtpTimeout = 20 * time.Second

// NewSMTP reads a URL such as smtps://user:password@mail.example.com:465?from=no-reply@example.com.
// smtps is TLS from the first byte, smtp demands STARTTLS, and smtp with
// ?tls=none sends in clear, for a server on the same machine. Without from, mail
// comes from "tollgate@" and the server's name.
func NewSMTP(text string) (*SMTP, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("mail server URL can't be parsed") // the error would show the password
	}
	if u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, fmt.Errorf("mail server URL must be smtp://host or smtps://host")
	}
	q := u.Query()
	s := &SMTP{host: u.Hostname(), from: q.Get("from"), options: []gomail.Option{gomail.WithTimeout(smtpTimeout)}}
	if s.from == "" {
		s.from = "tollgate@" + s.host
	}
	switch tls := q.Get("tls"); {
	case u.Scheme == "smtps":
		s.options = append(s.options, gomail.WithSSLPort(false))
	case tls == "":
		s.options = append(s.options, gomail.WithTLSPortPolicy(gomail.TLSMandatory))
	case tls == "none":
		s.options = append(s.options, gomail.WithTLSPortPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("mail server URL has tls=%q, want none or nothing", tls)
	}
	if p := u.Port(); p != "" {
		port, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("mail server URL has the port %q", p)
		}
		s.options = append(s.options, gomail.WithPort(int(port)))
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if err := gomail.NewMsg().From(s.from); err != nil {
		return nil, fmt.Errorf("mail server URL has the sender %q: %w", s.from, err)
	}
	return s, nil
}

// Send sends one mail.
func (s *SMTP) Send(ctx context.Context, m tenant.Mail) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return fmt.Errorf("set sender: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("set recipient: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("make mail client: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}

var _ tenant.Mailer = (*SMTP)(nil)
