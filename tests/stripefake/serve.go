package stripefake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Entry is one request of the API and how it was answered.
type Entry struct {
	At             time.Time  `json:"at"` // by the fake's clock
	Method         string     `json:"method"`
	Path           string     `json:"path"`
	Params         url.Values `json:"params"`
	IdempotencyKey string     `json:"idempotency_key,omitempty"`
	Status         int        `json:"status"` // of what the fake did, whether it got through or not
	Fault          string     `json:"fault,omitempty"`
	Replayed       bool       `json:"replayed,omitempty"`
	Answer         string     `json:"answer,omitempty"`
}

// call is one request while it is carried out.
type call struct {
	params
	ids []string // what stands in the path
	key string   // Idempotency-Key
	now int64
}

// kept is what an Idempotency-Key stands for.
type kept struct {
	request string
	status  int
	body    []byte
	at      int64
}

// ServeHTTP answers the API under /v1/, the control under /_fake/, and the pages
// that people see.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		f.api(w, r)
	case strings.HasPrefix(r.URL.Path, "/_fake/"):
		f.control(w, r)
	default:
		f.page(w, r)
	}
}

func (f *Fake) api(w http.ResponseWriter, r *http.Request) {
	p, err := readParams(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fault := f.pick(r.Method, r.URL.Path)
	if !fault.wait(r.Context()) {
		panic(http.ErrAbortHandler)
	}
	e := Entry{Method: r.Method, Path: r.URL.Path, Params: p.form(), IdempotencyKey: r.Header.Get("Idempotency-Key"), Fault: fault.kind}
	if fault.before(w) {
		f.note(e)
		return
	}
	e.Status, e.Answer, e.Replayed = f.answer(r, p)
	if fault.kind == FaultSticky {
		e.Status, e.Answer = f.stick(e.IdempotencyKey)
	}
	f.note(e)
	if fault.after(r.Context(), w) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Request-Id", requestID(e))
	h.Set("Stripe-Version", Version)
	if e.IdempotencyKey != "" {
		h.Set("Idempotency-Key", e.IdempotencyKey)
	}
	if e.Replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(e.Status)
	io.WriteString(w, e.Answer)
}

func requestID(e Entry) string { return fmt.Sprintf("req_%08x", len(e.Answer)) }

// readParams takes those of the address and of the body.
func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	p := params(r.URL.Query())
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for k, v := range form {
		p[k] = append(p[k], v...)
	}
	return p, nil
}

// answer carries a request out.
func (f *Fake) answer(r *http.Request, p params) (status int, body string, replayed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	if err := f.admit(r); err != nil {
		return render(nil, err)
	}
	return f.perform(r.Method, r.URL.Path, p, r.Header.Get("Idempotency-Key"))
}

func (f *Fake) admit(r *http.Request) error {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		key, _, _ = r.BasicAuth()
	}
	if !strings.HasPrefix(key, "sk_test_") || f.opt.Key != "" && key != f.opt.Key {
		return &apiError{status: 401, kind: "invalid_request_error", message: "Invalid API Key provided: " + strings.Repeat("*", 8)}
	}
	if v := r.Header.Get("Stripe-Version"); v != "" && v != Version {
		return refuse("", "", "Invalid Stripe API version: %s (this fake is %s)", v, Version)
	}
	return nil
}

// perform needs the lock; key may be empty.
func (f *Fake) perform(method, path string, p params, key string) (status int, body string, replayed bool) {
	route, ids := match(method, path)
	if route == nil {
		e := refuse("", "", "Unrecognized request URL (%s: %s).", method, path)
		e.status = 404
		return render(nil, e)
	}
	if err := p.validate(route.rules); err != nil {
		return render(nil, err)
	}
	if method != http.MethodPost {
		key = ""
	}
	request := method + " " + path + "?" + p.form().Encode()
	if old := f.answers[key]; key != "" && old != nil && f.at-old.at < int64(day/time.Second) {
		if old.request != request {
			return render(nil, &apiError{status: 400, kind: "idempotency_error", message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '" + key + "' if you meant to execute a different request."})
		}
		return old.status, string(old.body), true
	}
	c := &call{params: p, ids: ids, key: key, now: f.at}
	f.webhooks.request = key
	out, err := route.run(f, c)
	f.webhooks.request = ""
	if err == nil {
		for _, path := range p.strs("expand") {
			if err = f.expand(out, strings.Split(path, "."), path); err != nil {
				break
			}
		}
	}
	status, body, _ = render(out, err)
	if key != "" {
		f.answers[key] = &kept{request, status, []byte(body), f.at}
	}
	return status, body, false
}

func render(out obj, err error) (int, string, bool) {
	status := http.StatusOK
	if err != nil {
		e, ok := err.(*apiError) //nolint:errorlint // handlers return nothing else
		if !ok {
			e = &apiError{status: 500, kind: "api_error", message: err.Error()}
		}
		status, out = e.status, e.view("req_fake")
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("stripefake: %v", err))
	}
	return status, string(b), false
}

// Do carries a request out as the account's owner would in the dashboard: without
// faults and without a note in the log. The answer is its JSON, decoded.
func (f *Fake) Do(method, path string, form url.Values) (map[string]any, error) {
	f.mu.Lock()
	f.settle(f.clock())
	p := params{}
	for k, v := range form {
		p[k] = v
	}
	status, body, _ := f.perform(method, path, p, "")
	f.mu.Unlock()
	if status != http.StatusOK {
		return nil, fmt.Errorf("stripefake: %s %s: %d %s", method, path, status, body)
	}
	var out map[string]any
	err := json.Unmarshal([]byte(body), &out)
	return out, err
}

func (f *Fake) note(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.At = time.Unix(f.at, 0).UTC()
	f.log = append(f.log, e)
	if len(f.log) > max(0, f.opt.Log) {
		f.log = f.log[len(f.log)-max(0, f.opt.Log):]
	}
}

// Log is every request of the API so far, up to Options.Log newest ones.
func (f *Fake) Log() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Entry(nil), f.log...)
}
