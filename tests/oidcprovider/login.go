package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// person is who is signed in at the provider: its login page asks nothing.
type person struct {
	Subject       string `json:"subject"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
}

// manners are how the provider misbehaves in a sign-in.
type manners struct {
	// Nonce takes the place of the nonce in identity tokens; "-" leaves it out.
	Nonce string `json:"nonce"`
	// Issuer is sent as the parameter iss (RFC 9207); "own" is the provider's.
	Issuer string `json:"iss"`
	// Advertise says in the discovery document that iss is always sent.
	Advertise bool `json:"advertise"`
	// Error is sent in place of a code.
	Error string `json:"error"`
	// Audience takes the place of the client in identity tokens.
	Audience []string `json:"audience"`
	// Lifetime of the tokens, a Go duration; default 5m.
	Lifetime string `json:"lifetime"`
}

// logins holds sign-ins that are under way.
type logins struct {
	mu        sync.Mutex // guards all that follows
	redirects []string
	person    person
	manners   manners
	people    map[string]person // by subject
	requests  map[string]*login // by id
	codes     map[string]string // code → id
	refresh   map[string]*login // sign-ins by the refresh token that is good now
	locked    map[string]bool   // subjects whose tokens nobody renews
}

func newLogins() *logins {
	return &logins{people: map[string]person{}, requests: map[string]*login{}, codes: map[string]string{}, refresh: map[string]*login{}, locked: map[string]bool{}}
}

// login is one authorization request (op.AuthRequest).
type login struct {
	id      string
	asked   oidc.AuthRequest
	person  person
	manners manners
	done    bool
	at      time.Time
}

var _ op.AuthRequest = (*login)(nil)

func (l *login) GetID() string                      { return l.id }
func (l *login) GetACR() string                     { return "" }
func (l *login) GetAMR() []string                   { return nil }
func (l *login) GetAuthTime() time.Time             { return l.at }
func (l *login) GetClientID() string                { return clientID }
func (l *login) GetRedirectURI() string             { return l.asked.RedirectURI }
func (l *login) GetResponseType() oidc.ResponseType { return l.asked.ResponseType }
func (l *login) GetResponseMode() oidc.ResponseMode { return l.asked.ResponseMode }
func (l *login) GetScopes() []string                { return l.asked.Scopes }
func (l *login) GetState() string                   { return l.asked.State }
func (l *login) GetSubject() string                 { return l.person.Subject }
func (l *login) Done() bool                         { return l.done }
func (l *login) GetCodeChallenge() *oidc.CodeChallenge {
	if l.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: l.asked.CodeChallenge, Method: l.asked.CodeChallengeMethod}
}

func (l *login) GetAudience() []string {
	if l.manners.Audience != nil {
		return l.manners.Audience
	}
	return []string{clientID}
}

func (l *login) GetNonce() string {
	switch l.manners.Nonce {
	case "":
		return l.asked.Nonce
	case "-":
		return ""
	}
	return l.manners.Nonce
}

func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	l := &login{id: rand.Text(), asked: *r}
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	l.manners = s.logins.manners
	s.logins.requests[l.id] = l
	return l, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	if l := s.logins.requests[id]; l != nil {
		return l, nil
	}
	return nil, errNoLogin
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.logins.mu.Lock()
	id := s.logins.codes[code]
	s.logins.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	s.logins.codes[code] = id
	return nil
}

// DeleteAuthRequest uses a code up.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	delete(s.logins.requests, id)
	return nil
}

// SetUserinfoFromScopes writes the claims of a person.
func (s *storage) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, _ []string) error {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	p := s.logins.people[subject]
	info.Subject, info.Name, info.Email, info.EmailVerified = subject, p.Name, p.Email, oidc.Bool(p.EmailVerified)
	return nil
}

// page signs the present person in, or sends an error back, without asking.
func (l *logins) page(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.requests[r.URL.Query().Get("id")]
	if one == nil {
		http.Error(w, "no such sign-in", http.StatusNotFound)
		return
	}
	if e := one.manners.Error; e != "" {
		back := one.asked.RedirectURI + "?" + url.Values{
			"error": {e}, "error_description": {"<script>alert(1)</script>"}, "state": {one.asked.State},
		}.Encode()
		http.Redirect(w, r, back, http.StatusFound)
		return
	}
	one.person, one.done, one.at = l.person, true, time.Now()
	http.Redirect(w, r, "/authorize/callback?id="+one.id, http.StatusFound)
}

// set reads what a test wants of the next sign-ins.
func (l *logins) set(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var into any
	switch r.PathValue("what") {
	case "redirects":
		into = &l.redirects
	case "person":
		l.person = person{}
		into = &l.person
	case "locked":
		l.locked = map[string]bool{}
		into = &l.locked
	case "manners":
		l.manners = manners{}
		into = &l.manners
	default:
		http.Error(w, "unknown", http.StatusNotFound)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.people[l.person.Subject] = l.person
	writeJSON(w, into)
}

func (l *logins) now() manners {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.manners
}

// bend passes a request on and changes what comes back as the manners say.
func (l *logins) bend(issuer string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := l.now()
		discovery := r.URL.Path == oidc.DiscoveryEndpoint && m.Advertise
		callback := strings.HasSuffix(r.URL.Path, "/callback") && m.Issuer != ""
		if !discovery && !callback {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		body := rec.Body.Bytes()
		if discovery {
			w.Header().Del("Content-Length")
			body = []byte(strings.Replace(string(body), "{", `{"authorization_response_iss_parameter_supported":true,`, 1))
		}
		if to := rec.Header().Get("Location"); callback && to != "" {
			if m.Issuer == "own" {
				m.Issuer = issuer
			}
			w.Header().Set("Location", to+"&iss="+url.QueryEscape(m.Issuer))
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
}
