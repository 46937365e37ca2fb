package grpcwire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
)

func headers(fields ...string) policy.Headers {
	e := policy.EngineOf(policy.EngineNew(func() int64 { return 1 }, match.CanonPath))
	for i := 0; i < len(fields); i += 2 {
		e.ReqHeader.AppendString(fields[i], fields[i+1])
	}
	return e.Req.Header
}

// TestFrames: frames come out whole however the stream was cut.
func TestFrames(t *testing.T) {
	t.Parallel()
	var in []byte
	want := []string{"", "hello", string(bytes.Repeat([]byte{'x'}, 70_000))}
	for i, p := range want {
		in = grpcwire.Append(in, byte(i), []byte(p))
	}
	for _, step := range []int{1, 4, 5, 7, 4096, len(in)} {
		f := grpcwire.Frames{Max: 70_000}
		var got []string
		for at := 0; at < len(in); at += step {
			if err := f.Push(in[at:min(at+step, len(in))], func(flags byte, p []byte) error {
				if int(flags) != len(got) {
					t.Errorf("flags %d of frame %d", flags, len(got))
				}
				got = append(got, string(p))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || f.End() != nil {
			t.Errorf("in steps of %d: %d frames, %v", step, len(got), f.End())
		}
	}
	f := grpcwire.Frames{Max: 4}
	var large *grpcwire.TooLargeError
	if err := f.Push(in, func(byte, []byte) error { return nil }); !errors.As(err, &large) || large.Bytes != 5 {
		t.Errorf("%v", err)
	}
	f = grpcwire.Frames{Max: 4}
	if err := f.Push([]byte{0, 0, 0}, nil); err != nil || !errors.Is(f.End(), grpcwire.ErrCut) {
		t.Errorf("%v %v", err, f.End())
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	h := headers("Grpc-Status", "5", "grpc-message", "no%20such %C3%A4 100%", "Grpc-Status-Details-Bin", "CAUSAA==", "X-A", "b")
	s, ok := grpcwire.Take(h)
	if !ok || s.Code != 5 || s.Message != "no such ä 100%" || !bytes.Equal(s.Details, []byte{8, 5, 18, 0}) || s.Code.HTTP() != 404 || s.Code.Connect() != "not_found" {
		t.Errorf("%+v %v", s, ok)
	}
	for range h.Each() {
		if _, ok := grpcwire.Take(h); ok {
			t.Error("the status stands there still")
		}
	}
	for v, want := range map[string]grpcwire.Code{"0": 0, "16": 16, "x": 2, "-1": 2, "99": 99, "5000": 2} {
		if s, ok := grpcwire.Take(headers("grpc-status", v)); !ok || s.Code != want {
			t.Errorf("%q is %v", v, s.Code)
		}
	}
	if c := grpcwire.Code(99); c.HTTP() != 500 || c.Name() != "UNKNOWN" || grpcwire.Code(1).Connect() != "canceled" {
		t.Errorf("%v", c)
	}
}

func TestIsCall(t *testing.T) {
	t.Parallel()
	for ct, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "Application/gRPC; x=y": true,
		"application/grpc-web": false, "application/grpc-web+proto": false, "application/json": false, "application/grpcx": false,
	} {
		if grpcwire.IsCall(policy.Static(ct)) != want {
			t.Errorf("%s", ct)
		}
	}
}
