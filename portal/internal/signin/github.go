package signin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"github.com/tollgate/tollgate/services/tenant"
)

// GitHubConfig is GitHub as the operator set it.
type GitHubConfig struct {
	URL          string // https://github.com, or an Enterprise Server
	ClientID     string
	ClientSecret string
	RedirectURL  string
}

type gitHub struct {
	config GitHubConfig
	oauth  oauth2.Config
	api    string
}

// NewGitHub makes the provider "github".
func NewGitHub(c GitHubConfig) (Provider, error) {
	c.URL = strings.TrimRight(c.URL, "/")
	if err := checkURL(c.URL); err != nil {
		return nil, fmt.Errorf("sign-in provider github: %w", err)
	}
	g := &gitHub{config: c, api: c.URL + "/api/v3"}
	if c.URL == "https://github.com" {
		g.api = "https://api.github.com"
	}
	g.oauth = oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL, Scopes: []string{"user:email"},
		Endpoint: oauth2.Endpoint{
			AuthURL: c.URL + "/login/oauth/authorize", TokenURL: c.URL + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
		},
	}
	return g, nil
}

func (g *gitHub) describe() Description {
	return Description{Name: "github", Title: "GitHub", Kind: KindGitHub}
}

func (g *gitHub) authURL(_ context.Context, f *Flow) (string, error) {
	return g.oauth.AuthCodeURL(f.State, oauth2.S256ChallengeOption(f.Verifier)), nil
}

func (g *gitHub) finish(ctx context.Context, f *Flow, code, _ string) (*tenant.External, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	token, err := g.oauth.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, exchangeError(err)
	}
	var user struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	if err := g.get(ctx, token, "/user", &user); err != nil {
		return nil, err
	}
	if user.ID <= 0 {
		return nil, fmt.Errorf("%w: no account", ErrMisuse)
	}
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := g.get(ctx, token, "/user/emails", &emails); err != nil {
		return nil, err
	}
	out := &tenant.External{Provider: "github", Issuer: g.config.URL, Subject: strconv.FormatInt(user.ID, 10), Name: user.Name}
	for _, e := range emails {
		if e.Primary {
			out.Email, out.EmailVerified = e.Email, e.Verified
		}
	}
	return out, nil
}

// get reads one resource of GitHub's API.
func (g *gitHub) get(ctx context.Context, token *oauth2.Token, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	token.SetAuthHeader(r)
	r.Header.Set("Accept", "application/vnd.github+json")
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: GitHub answered %d to %s", ErrUnavailable, res.StatusCode, path)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, path, err)
	}
	return nil
}
