package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/tollgate/tollgate/services/tenant"
)

// Kinds of providers.
const (
	KindOIDC   = "oidc"
	KindGitHub = "github"
)

// Reasons why a sign-in ends.
var (
	// ErrMisuse: the answer does not belong to what this browser was sent out with,
	// or is not what such a provider may say.
	ErrMisuse = errors.New("the sign-in does not fit")
	// ErrUnavailable: the provider can't be reached or is out of order.
	ErrUnavailable = errors.New("the sign-in provider can't be reached")
	// ErrDenied: the person said no.
	ErrDenied = errors.New("the sign-in was denied")
)

// Provider is one sign-in provider.
type Provider interface {
	// authURL is where the browser goes.
	authURL(ctx context.Context, f *Flow) (string, error)
	// finish turns a code into who it stands for. Iss is RFC 9207's parameter, ""
	// when there is none.
	finish(ctx context.Context, f *Flow, code, iss string) (*tenant.External, error)
	describe() Description
}

// Description is what can be shown of a provider.
type Description struct {
	Name  string
	Title string
	Kind  string
}

// Providers are the configured ones.
type Providers struct {
	list []Provider
}

// NewProviders makes a set; two of one name are an error.
func NewProviders(list ...Provider) (*Providers, error) {
	seen := map[string]bool{}
	for _, p := range list {
		name := p.describe().Name
		if seen[name] {
			return nil, fmt.Errorf("two sign-in providers are called %q", name)
		}
		seen[name] = true
	}
	return &Providers{list: list}, nil
}

// List describes all providers.
func (p *Providers) List() []Description {
	out := make([]Description, len(p.list))
	for i := range p.list {
		out[i] = p.list[i].describe()
	}
	return out
}

// Title is a provider's title, its name when it is configured no more.
func (p *Providers) Title(name string) string {
	if found := p.find(name); found != nil {
		return found.describe().Title
	}
	return name
}

// Has says whether there is a provider of that name.
func (p *Providers) Has(name string) bool { return p.find(name) != nil }

func (p *Providers) find(name string) Provider {
	for _, one := range p.list {
		if one.describe().Name == name {
			return one
		}
	}
	return nil
}

// Flow is what a browser was sent to a provider with. It is kept sealed: whoever
// knows the verifier can use a stolen code.
type Flow struct {
	Provider string `json:"provider"`
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	ReturnTo string `json:"return_to"`
	// LinkUser and LinkSession name who links an identity; empty: somebody signs in.
	LinkUser    string `json:"link_user,omitempty"`
	LinkSession string `json:"link_session,omitempty"`
}

// Begin makes a flow to a provider and the address to send the browser to.
func (p *Providers) Begin(ctx context.Context, f Flow) (*Flow, string, error) {
	one := p.find(f.Provider)
	if one == nil {
		return nil, "", fmt.Errorf("%w: no such provider", ErrMisuse)
	}
	f.State, f.Nonce, f.Verifier = random(), random(), oauth2.GenerateVerifier()
	u, err := one.authURL(ctx, &f)
	return &f, u, err
}

// Callback is what came back from a provider by way of the browser.
type Callback struct {
	Provider string // whose callback was called
	Code     string
	State    string
	Issuer   string // RFC 9207
	Error    string
}

// Finish checks what came back against the flow, uses the flow up by spend, and
// asks the provider who it is.
func (p *Providers) Finish(ctx context.Context, f *Flow, c Callback, spend func(ctx context.Context, key string) error) (*tenant.External, error) {
	one := p.find(f.Provider)
	switch {
	case one == nil || f.Provider != c.Provider:
		return nil, fmt.Errorf("%w: another provider answers", ErrMisuse)
	case c.State == "" || subtle.ConstantTimeCompare([]byte(c.State), []byte(f.State)) != 1:
		return nil, fmt.Errorf("%w: the state is another", ErrMisuse)
	}
	if err := spend(ctx, "flow "+digest(f.State)); err != nil {
		return nil, err
	}
	switch {
	case c.Error == "access_denied":
		return nil, ErrDenied
	case c.Error == "server_error" || c.Error == "temporarily_unavailable":
		return nil, ErrUnavailable
	case c.Error != "" || c.Code == "":
		return nil, fmt.Errorf("%w: there is no code", ErrMisuse)
	}
	return one.finish(ctx, f, c.Code, c.Issuer)
}

// digest names a state without telling it.
func digest(state string) string {
	d := sha256.Sum256([]byte(state))
	return hex.EncodeToString(d[:])
}

// random returns 256 random bits.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// returnPages are the first steps of paths that a sign-in may lead to.
var returnPages = map[string]bool{
	"gateways": true, "organization": true, "account": true, "guide": true, "join": true, "docs": true, "p": true,
}

// ReturnTo returns the target when it is a path of the portal's own pages, else
// "/": no other origin, no scheme, no control character, whatever a browser would
// make of it.
func ReturnTo(target string) string {
	const home = "/"
	if len(target) > 2048 || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return home
	}
	for _, r := range target {
		if r <= ' ' || r == '\\' || r >= 0x7f {
			return home
		}
	}
	u, err := url.Parse(target)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return home
	}
	// What is escaped could be unescaped by something on the way.
	if strings.ContainsAny(u.Path, "\\\r\n") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") {
		return home
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if !returnPages[first] {
		return home
	}
	return u.RequestURI()
}
