package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"

	"github.com/tollgate/tollgate/tests/harness"
)

// interopServer is grpc-go's own interop server, in clear text.
func interopServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := orca.NewServerMetricsRecorder()
	named := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		resp, err := handle(ctx, req)
		if q, ok := req.(*testpb.SimpleRequest); ok && err == nil && q.FillServerId {
			resp.(*testpb.SimpleResponse).ServerId = "the only one" // grpc-go's server does not do it itself
		}
		return resp, err
	}
	s := grpc.NewServer(orca.CallMetricsServerOption(metrics), grpc.ChainUnaryInterceptor(named))
	if err := orca.Register(s, orca.ServiceOptions{MinReportingInterval: time.Second, ServerMetricsProvider: metrics}); err != nil {
		t.Fatal(err)
	}
	testpb.RegisterTestServiceServer(s, interop.NewTestServer(interop.NewTestServerOptions{MetricsRecorder: metrics}))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// certificate makes a certificate of a host that signs itself.
func certificate(t *testing.T, host string) (chain, key string, roots *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(9 * 24 * time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})), roots
}

// rpcSite is an edge in front of the interop server: open to everybody, and with
// a key below another host.
func rpcSite(t *testing.T) (c *harness.Cluster, host string, roots *x509.CertPool) {
	t.Helper()
	backend := interopServer(t)
	c = harness.New(t, harness.Options{})
	api := c.SignUp("rpc")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "rpc"})
	host = g["hostname"].(string)
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/rpc/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + backend}}, "protocol": "h2c"})
	put("routes/open", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "public": true})
	put("routes/keyed", harness.Object{
		"match":    harness.Object{"path": "/*", "headers": []harness.Object{{"name": "X-Keyed", "exact": "yes"}}},
		"upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}},
	})
	chain, key, roots := certificate(t, host)
	put("certificates/front", harness.Object{"chain_pem": chain, "key_pem": key})
	api.WaitLive("rpc")
	return c, host, roots
}

// TestGRPCInterop runs every case of grpc-go's interop client that needs no
// account at a cloud, through the edge, in clear text and over TLS. A case that
// fails ends the process, as the client does.
func TestGRPCInterop(t *testing.T) {
	c, host, roots := rpcSite(t)
	for _, way := range []struct {
		name, addr string
		creds      credentials.TransportCredentials
	}{
		{"h2c", c.Edges[0].Addr(), insecure.NewCredentials()},
		{"TLS", fmt.Sprintf("127.0.0.1:%d", c.Edges[0].TLSPort), credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: host})},
	} {
		t.Run(way.name, func(t *testing.T) {
			dial := func() (*grpc.ClientConn, func()) {
				// The balancer picks as pick_first does; orca_per_rpc reads from it.
				cc, err := grpc.NewClient(way.addr, grpc.WithTransportCredentials(way.creds), grpc.WithAuthority(host),
					grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`))
				if err != nil {
					t.Fatal(err)
				}
				return cc, func() { cc.Close() }
			}
			conn, done := dial()
			defer done()
			cl := testpb.NewTestServiceClient(conn)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			soak := func(channel func() (*grpc.ClientConn, func())) {
				interop.DoSoakTest(ctx, interop.SoakTestConfig{
					RequestSize: 271828, ResponseSize: 314159, PerIterationMaxAcceptableLatency: 10 * time.Second,
					OverallTimeout: 30 * time.Second, ServerAddr: way.addr, NumWorkers: 2, Iterations: 10, ChannelForTest: channel,
				})
			}
			for _, one := range []struct {
				name string
				run  func()
			}{
				{"empty_unary", func() { interop.DoEmptyUnaryCall(ctx, cl) }},
				{"large_unary", func() { interop.DoLargeUnaryCall(ctx, cl) }},
				{"client_streaming", func() { interop.DoClientStreaming(ctx, cl) }},
				{"server_streaming", func() { interop.DoServerStreaming(ctx, cl) }},
				{"ping_pong", func() { interop.DoPingPong(ctx, cl) }},
				{"empty_stream", func() { interop.DoEmptyStream(ctx, cl) }},
				{"timeout_on_sleeping_server", func() { interop.DoTimeoutOnSleepingServer(ctx, cl) }},
				{"cancel_after_begin", func() { interop.DoCancelAfterBegin(ctx, cl) }},
				{"cancel_after_first_response", func() { interop.DoCancelAfterFirstResponse(ctx, cl) }},
				{"status_code_and_message", func() { interop.DoStatusCodeAndMessage(ctx, cl) }},
				{"special_status_message", func() { interop.DoSpecialStatusMessage(ctx, cl) }},
				{"custom_metadata", func() { interop.DoCustomMetadata(ctx, cl) }},
				{"unimplemented_method", func() { interop.DoUnimplementedMethod(ctx, conn) }},
				{"unimplemented_service", func() { interop.DoUnimplementedService(ctx, testpb.NewUnimplementedServiceClient(conn)) }},
				{"pick_first_unary", func() { interop.DoPickFirstUnary(ctx, cl) }},
				{"rpc_soak", func() { soak(func() (*grpc.ClientConn, func()) { return conn, func() {} }) }},
				{"channel_soak", func() { soak(dial) }},
				{"orca_per_rpc", func() { interop.DoORCAPerRPCTest(ctx, cl) }},
			} {
				t.Run(one.name, func(*testing.T) { one.run() })
			}
		})
	}
	conn, err := grpc.NewClient(c.Edges[0].Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Run("the edge's own errors", func(t *testing.T) { ownErrors(t, conn) })
	t.Run("deadlines", func(t *testing.T) { deadlines(t, conn) })
}

// ownErrors asks for what the edge refuses: the client sees a status of gRPC.
func ownErrors(t *testing.T, conn *grpc.ClientConn) {
	cl := testpb.NewTestServiceClient(conn)
	for name, row := range map[string]struct {
		md   metadata.MD
		code codes.Code
		text string
	}{
		"no key":    {metadata.Pairs("x-keyed", "yes"), codes.Unauthenticated, "key_missing: This route needs an API key"},
		"wrong key": {metadata.Pairs("x-keyed", "yes", "x-api-key", "tg_live_nonsense"), codes.Unauthenticated, "key_invalid: The API key is not valid here"},
		"two keys":  {metadata.Pairs("x-keyed", "yes", "x-api-key", "a", "x-api-key", "b"), codes.InvalidArgument, ""},
	} {
		ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(t.Context(), row.md), 5*time.Second)
		_, err := cl.EmptyCall(ctx, &testpb.Empty{})
		cancel()
		if s := status.Convert(err); s.Code() != row.code || row.text != "" && s.Message() != row.text {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// deadlines looks at what is left of a call's time when it reaches the backend.
func deadlines(t *testing.T, conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	began := time.Now()
	stream, err := testpb.NewTestServiceClient(conn).FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv() // the server waits for a request that never comes
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
