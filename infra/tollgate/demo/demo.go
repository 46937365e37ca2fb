package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Quota is the demo consumer's quota: small, so that its end is soon seen.
const Quota = 50

// Seeded is what the demo made.
type Seeded struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Hostname string `json:"hostname"`
	KeyID    string `json:"key_id"`
	Key      string `json:"key"`
}

type object = map[string]any

// Seed makes the demo at the portal, or finds what an earlier start made, and
// points its upstream at the targets of this start.
func Seed(ctx context.Context, portal, dataDir string, targets []string) (*Seeded, error) {
	file := filepath.Join(dataDir, "demo.json")
	s, err := load(file)
	if err != nil {
		return nil, err
	}
	c := &client{url: portal, http: &http.Client{Timeout: 30 * time.Second}}
	fresh := s == nil
	if fresh {
		s = &Seeded{Email: "demo@example.com", Password: rand.Text()}
		o, err := c.do(ctx, "POST", "/v1/signup", object{"email": s.Email, "password": s.Password, "organization": "demo"})
		if err != nil {
			return nil, err
		}
		s.Token, _ = o["token"].(string)
	}
	c.token = s.Token
	if fresh {
		o, err := c.do(ctx, "POST", "/v1/gateways", object{"name": "demo"})
		if err != nil {
			return nil, err
		}
		s.Hostname, _ = o["hostname"].(string)
	}
	var list []object
	for _, t := range targets {
		list = append(list, object{"url": t})
	}
	if _, err := c.do(ctx, "PUT", "/v1/gateways/demo/upstreams/echo", object{"targets": list}); err != nil {
		return nil, err
	}
	if !fresh {
		return s, nil
	}
	if err := c.rest(ctx, s); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return nil, fmt.Errorf("keep the demo's key: %w", err)
	}
	return s, nil
}

// rest makes what hangs on the upstream. The route comes last: once an edge serves
// its version, the key, which was published before it, is there too.
func (c *client) rest(ctx context.Context, s *Seeded) error {
	const gateway = "/v1/gateways/demo"
	if _, err := c.do(ctx, "PUT", gateway+"/usage-plans/free", object{"quota": object{"limit": Quota, "period": "day"}}); err != nil {
		return err
	}
	if _, err := c.do(ctx, "PUT", gateway+"/consumers/alice", object{"usage_plan": "free"}); err != nil {
		return err
	}
	o, err := c.do(ctx, "POST", gateway+"/keys", object{"consumer": "alice", "name": "demo"})
	if err != nil {
		return err
	}
	s.KeyID, _ = o["id"].(string)
	s.Key, _ = o["key"].(string)
	if _, err := c.do(ctx, "PUT", gateway+"/routes/hello", object{
		"match": object{"path": "/hello/*"}, "upstream": "echo",
		"policies": []object{{"type": "api_key", "config": object{}}},
	}); err != nil {
		return err
	}
	return c.live(ctx)
}

// live waits until the edge serves what was made, so that the printed line works
// at once.
func (c *client) live(ctx context.Context) error {
	g, err := c.do(ctx, "GET", "/v1/gateways/demo", nil)
	if err != nil {
		return err
	}
	version, _ := g["version"].(float64)
	_, err = c.do(ctx, "GET", fmt.Sprintf("/v1/gateways/demo/live?version=%.0f&wait=10s", version), nil)
	return err
}

func load(file string) (*Seeded, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the demo's key: %w", err)
	}
	s := &Seeded{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s is damaged (remove the data directory to start afresh): %w", file, err)
	}
	return s, nil
}

type client struct {
	url, token string
	http       *http.Client
}

func (c *client) do(ctx context.Context, method, path string, body object) (object, error) {
	var in io.Reader
	if body != nil {
		js, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(js)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, in)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("seed the demo: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("seed the demo: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("seed the demo: %s %s: %s %s", method, path, resp.Status, b)
	}
	var o object
	if len(b) > 0 {
		if err := json.Unmarshal(b, &o); err != nil {
			return nil, fmt.Errorf("seed the demo: %s %s: %w", method, path, err)
		}
	}
	return o, nil
}
