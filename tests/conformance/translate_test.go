package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tollgate/tollgate/tests/harness"
)

// translator is an edge in front of translated's server.
type translator struct {
	t         *testing.T
	url, host string
	h1, h2    *http.Client
	methods   map[string]protoreflect.MethodDescriptor
}

func newTranslator(t *testing.T) *translator {
	t.Helper()
	backend := translated(t)
	c := harness.New(t, harness.Options{})
	api := c.SignUp("translate")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "translate"})
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/translate/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + backend}}, "protocol": "h2c"})
	put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "public": true, "policies": []harness.Object{
		{"type": "grpc_web", "config": harness.Object{}},
		{"type": "connect", "config": harness.Object{"proto": schemas()}},
		{"type": "grpc_transcode", "config": harness.Object{"proto": schemas()}},
	}})
	api.WaitLive("translate")
	tr := &translator{t: t, host: g["hostname"].(string), methods: map[string]protoreflect.MethodDescriptor{}}
	tr.url = "http://" + tr.host
	for _, sd := range services(t) {
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			tr.methods[string(md.Name())] = md
		}
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, c.Edges[0].Addr())
	}
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	tr.h1 = &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 20 * time.Second}
	tr.h2 = &http.Client{Transport: &http.Transport{DialContext: dial, Protocols: h2}, Timeout: 20 * time.Second}
	return tr
}

// rest makes a REST request and returns the answer's status, head and body.
func (tr *translator) rest(method, path, body string, fields ...string) (int, http.Header, string) {
	tr.t.Helper()
	r, err := http.NewRequest(method, tr.url+path, strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	resp, err := tr.h1.Do(r)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tr.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, strings.TrimSpace(string(b))
}

// TestTranslation: a server that speaks gRPC alone, through REST, gRPC-Web and
// Connect, with the clients that exist for them.
func TestTranslation(t *testing.T) {
	tr := newTranslator(t)
	t.Run("REST", tr.testREST)
	t.Run("REST streams", tr.testRESTStreams)
	for name, o := range map[string][]connect.ClientOption{
		"Connect": nil, "Connect JSON": {connect.WithCodec(jsonCodec{})}, "Connect GET": {connect.WithHTTPGet()},
		"Connect gzip": {connect.WithSendGzip()}, "gRPC-Web": {connect.WithGRPCWeb()}, "gRPC": {connect.WithGRPC()},
	} {
		t.Run(name, func(t *testing.T) {
			for proto, c := range map[string]*http.Client{"http1": tr.h1, "http2": tr.h2} {
				if proto == "http1" && name == "gRPC" {
					continue
				}
				t.Run(proto, func(t *testing.T) { tr.testClient(t, c, proto == "http2" && name != "gRPC-Web", o) })
			}
		})
	}
}

func (tr *translator) testREST(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/healthz", "", 200, `{"status":"SERVING"}`},
		{"GET", "/healthz/shop", "", 200, `{"status":"NOT_SERVING"}`},
		{"GET", "/healthz?service=none", "", 404, `{"error":{"code":404,"message":"unknown service","status":"NOT_FOUND"}}`},
		{"GET", "/v1/features/3/4", "", 200, `{"name":"one","location":{"latitude":3,"longitude":4}}`},
		{"POST", "/v1/features:get", `{"latitude":5}`, 200, `{"name":"one","location":{"latitude":5}}`},
		{"GET", "/v1/features/x/4", "", 400, `request_invalid`},
		{"GET", "/v1/none", "", 404, `no_route`},
		{"DELETE", "/v1/features", "", 405, `method_not_allowed`},
	} {
		status, h, got := tr.rest(c.method, c.path, c.body, "X-Meta", "m")
		if status != c.status || !strings.Contains(got, c.want) || status == 200 && (got != c.want || strings.HasPrefix(c.path, "/v1") && h.Get("X-Trailer") != "t-m") {
			t.Errorf("%s %s: %d %s %v", c.method, c.path, status, got, h)
		}
	}
	for code := 1; code <= 16; code++ {
		want := []int{0, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}[code]
		status, _, got := tr.rest("GET", fmt.Sprintf("/v1/features/%d/0", -code), "")
		if status != want || !strings.Contains(got, `"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TEST","domain":"tollgate"}]`) {
			t.Errorf("code %d: %d %s", code, status, got)
		}
	}
	if status, _, got := tr.rest("GET", "/v1/features/1000/0", "", "Grpc-Timeout", "100m"); status != 504 {
		t.Errorf("a deadline: %d %s", status, got)
	}
	for i := range messages {
		in := fmt.Sprintf(`{"color":"BLUE","b":7,"map":{}%s}`, map[bool]string{true: `,"inner":{"color":"RED","a":"x"}`}[i > 0])
		status, _, got := tr.rest("POST", fmt.Sprintf("/echo/%d", i), in)
		m := dynamicpb.NewMessage(tr.methods[fmt.Sprint("Do", i)].Input())
		back := m.New()
		if err := errors.Join(protojson.Unmarshal([]byte(in), m), protojson.Unmarshal([]byte(got), back.Interface())); err != nil || status != 200 || !proto.Equal(m, back.Interface()) {
			t.Errorf("message %d: %d %s %v", i, status, got, err)
		}
	}
}

func (tr *translator) testRESTStreams(t *testing.T) {
	one := func(i int) string { return fmt.Sprintf(`{"name":"n%d","location":{"latitude":2}}`, i) }
	if status, h, got := tr.rest("GET", "/v1/features?latitude=2", ""); status != 200 || got != one(0)+"\n"+one(1) || h.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d %s %v", status, got, h)
	}
	if status, h, got := tr.rest("GET", "/v1/features?latitude=2", "", "Accept", "text/event-stream"); status != 200 || got != "data: "+one(0)+"\n\ndata: "+one(1) || h.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %s %v", status, got, h)
	}
	if status, _, got := tr.rest("GET", "/v1/features?latitude=1&longitude=14", ""); status != 200 || !strings.Contains(got, "\n"+`{"error":{"code":503,"message":"it is Unavailable","status":"UNAVAILABLE"`) {
		t.Errorf("%d %s", status, got)
	}
	if status, _, got := tr.rest("GET", "/v1/features?longitude=7", ""); status != 403 {
		t.Errorf("no answer but an error: %d %s", status, got)
	}
	if status, _, got := tr.rest("POST", "/v1/routes", "{\"latitude\":1}\n{\"latitude\":2}\n{}\n"); status != 200 || got != `{"points":3,"sum":3}` {
		t.Errorf("%d %s", status, got)
	}
	// Both ways at once: each answer comes before the next line is sent.
	in, out := io.Pipe()
	r, err := http.NewRequest("POST", tr.url+"/v1/chat", in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	go func() { _, _ = io.WriteString(out, "{\"latitude\":1}\n") }()
	resp, err := tr.h2.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := 1; i <= 3; i++ {
		if !lines.Scan() || !strings.Contains(lines.Text(), fmt.Sprintf(`"got %d"`, i)) {
			t.Fatalf("answer %d: %q %v", i, lines.Text(), lines.Err())
		}
		if i < 3 {
			_, _ = io.WriteString(out, "{\"latitude\":1}\n")
		}
	}
	_ = out.Close()
	if lines.Scan() {
		t.Errorf("behind the end: %q", lines.Text())
	}
}

// jsonCodec is Connect's JSON for dynamic messages.
type jsonCodec struct{}

func (jsonCodec) Name() string                  { return "json" }
func (jsonCodec) Marshal(m any) ([]byte, error) { return protojson.Marshal(m.(proto.Message)) }
func (jsonCodec) Unmarshal(b []byte, m any) error {
	return protojson.Unmarshal(b, m.(proto.Message))
}

// testClient makes every kind of call with a client of connect-go.
func (tr *translator) testClient(t *testing.T, h *http.Client, both bool, o []connect.ClientOption) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := func(name string) *connect.Client[dynamicpb.Message, dynamicpb.Message] {
		md := tr.methods[name]
		opts := append([]connect.ClientOption{
			connect.WithSchema(md), connect.WithIdempotency(idempotency(md)),
			connect.WithResponseInitializer(func(_ connect.Spec, m any) error {
				d := m.(*dynamicpb.Message)
				*d = *dynamicpb.NewMessage(md.Output())
				return nil
			}),
		}, o...)
		return connect.NewClient[dynamicpb.Message, dynamicpb.Message](h, tr.url+"/"+string(md.Parent().FullName())+"/"+name, opts...)
	}
	message := func(name, js string) *dynamicpb.Message {
		m := dynamicpb.NewMessage(tr.methods[name].Input())
		if err := protojson.Unmarshal([]byte(js), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	text := func(m *dynamicpb.Message) string {
		var v any
		b, _ := protojson.Marshal(m)
		_ = json.Unmarshal(b, &v)
		b, _ = json.Marshal(v)
		return string(b)
	}
	resp, err := client("GetFeature").CallUnary(ctx, connect.NewRequest(message("GetFeature", `{"latitude":3}`)))
	if err != nil || text(resp.Msg) != `{"location":{"latitude":3},"name":"one"}` || resp.Trailer().Get("X-Trailer") == "" {
		t.Errorf("unary: %v %v", resp, err)
	}
	for code := 1; code <= 16; code++ {
		_, err := client("GetFeature").CallUnary(ctx, connect.NewRequest(message("GetFeature", fmt.Sprintf(`{"latitude":%d}`, -code))))
		var ce *connect.Error
		if !errors.As(err, &ce) || int(ce.Code()) != code || !strings.HasPrefix(ce.Message(), "it is ") || len(ce.Details()) != 1 {
			t.Errorf("code %d: %v", code, err)
		}
	}
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	if _, err := client("GetFeature").CallUnary(short, connect.NewRequest(message("GetFeature", `{"latitude":1000}`))); connect.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Errorf("a deadline: %v", err)
	}
	stop()
	for i := range messages {
		name := fmt.Sprint("Do", i)
		m := message(name, `{"color":"BLUE","b":7}`)
		if resp, err := client(name).CallUnary(ctx, connect.NewRequest(m)); err != nil || !proto.Equal(resp.Msg, m) {
			t.Errorf("message %d: %v %v", i, resp, err)
		}
	}
	if resp, err := client("Check").CallUnary(ctx, connect.NewRequest(message("Check", `{"service":"shop"}`))); err != nil || text(resp.Msg) != `{"status":"NOT_SERVING"}` {
		t.Errorf("health: %v %v", resp, err)
	}
	list, err := client("ListFeatures").CallServerStream(ctx, connect.NewRequest(message("ListFeatures", `{"latitude":3,"longitude":14}`)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for list.Receive() {
		n++
	}
	if n != 3 || connect.CodeOf(list.Err()) != connect.CodeUnavailable {
		t.Errorf("a stream of answers: %d, %v", n, list.Err())
	}
	_ = list.Close()
	if !both {
		return
	}
	record := client("RecordRoute").CallClientStream(ctx)
	for i := range 4 {
		if err := record.Send(message("RecordRoute", fmt.Sprintf(`{"latitude":%d}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := record.CloseAndReceive(); err != nil || text(resp.Msg) != `{"points":4,"sum":6}` {
		t.Errorf("a stream of requests: %v %v", resp, err)
	}
	chat := client("RouteChat").CallBidiStream(ctx)
	for i := 1; i <= 3; i++ {
		if err := chat.Send(message("RouteChat", `{"latitude":1}`)); err != nil {
			t.Fatal(err)
		}
		if m, err := chat.Receive(); err != nil || !strings.Contains(text(m), fmt.Sprintf(`"got %d"`, i)) {
			t.Fatalf("both ways: %v %v", m, err)
		}
	}
	_ = chat.CloseRequest()
	if _, err := chat.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of both ways: %v", err)
	}
	_ = chat.CloseResponse()
}

func idempotency(md protoreflect.MethodDescriptor) connect.IdempotencyLevel {
	if md.Name() == "GetFeature" {
		return connect.IdempotencyNoSideEffects
	}
	return connect.IdempotencyUnknown
}
