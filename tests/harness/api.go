package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// API is a client of the management API with one token, as a script would be
// written: JSON in, JSON out.
type API struct {
	T     testing.TB
	URL   string
	Token string
	HTTP  *http.Client
}

// Object is a JSON object.
type Object = map[string]any

// Reply is one answer of the management API.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends one request; body is marshalled unless it is nil or bytes.
func (a *API) Do(method, path string, body any, headers ...string) (*Reply, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		js, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(js)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.URL+path, r)
	if err != nil {
		return nil, err
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &Reply{resp.StatusCode, resp.Header, b}, err
}

// Must sends one request and fails the test unless the answer is 2xx. The
// decoded object is returned (nil for an empty body).
func (a *API) Must(method, path string, body any, headers ...string) Object {
	a.T.Helper()
	r, err := a.Do(method, path, body, headers...)
	if err != nil {
		a.T.Fatalf("%s %s: %v", method, path, err)
	}
	if r.Status/100 != 2 {
		a.T.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
	}
	if len(r.Body) == 0 {
		return nil
	}
	var o Object
	if err := json.Unmarshal(r.Body, &o); err != nil {
		a.T.Fatalf("%s %s: %v in %.200s", method, path, err, r.Body)
	}
	return o
}

// API returns a client without a token.
func (c *Cluster) API() *API {
	return &API{T: c.T, URL: c.PortalURL, HTTP: &http.Client{Timeout: 30 * time.Second}}
}

// SignUp makes a user with an organization of its own and returns its client.
func (c *Cluster) SignUp(name string) *API {
	c.T.Helper()
	a := c.API()
	o := a.Must("POST", "/v1/signup", Object{"email": name + "@example.com", "password": "correct horse battery staple " + name, "organization": name})
	a.Token, _ = o["token"].(string)
	if !strings.HasPrefix(a.Token, "tgm_") {
		c.T.Fatalf("sign-up gave no management token: %v", o)
	}
	return a
}

// WaitLive waits until every edge serves the gateway's newest version.
func (a *API) WaitLive(gateway string) {
	a.T.Helper()
	g := a.Must("GET", "/v1/gateways/"+gateway, nil)
	version := int(g["version"].(float64))
	o := a.Must("GET", fmt.Sprintf("/v1/gateways/%s/live?version=%d&wait=25s", gateway, version), nil)
	if live, _ := o["live"].(bool); !live {
		a.T.Fatalf("version %d of %s is not live everywhere: %v", version, gateway, o)
	}
}

// Key issues an API key for a consumer and returns its id and its text.
func (a *API) Key(gateway, consumer string, more Object) (id, key string) {
	a.T.Helper()
	in := Object{"consumer": consumer, "name": consumer}
	for k, v := range more {
		in[k] = v
	}
	o := a.Must("POST", "/v1/gateways/"+gateway+"/keys", in)
	return o["id"].(string), o["key"].(string)
}
