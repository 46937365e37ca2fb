package engine

import (
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// rpc reports whether a content type is of a protocol whose calls may be streams
// both ways for as long as they like: gRPC, and the streams of Connect.
func rpc(ct policy.Text) bool {
	return ct.HasPrefixFold("application/grpc") || ct.HasPrefixFold("application/connect+")
}

// endCall ends a gRPC call whose backend failed behind the head of its answer
// with a status, which says more than a reset. It reports whether the client
// could be told.
func (j *job) endCall(err error) bool {
	if !j.cl.protocol().multiplexed() || j.e.Resp.Length >= 0 || j.grpc() != "application/grpc" {
		return false
	}
	code := contract.CodeUpstreamReset
	if j.eng.ending.Load() {
		code = contract.CodeOverloaded // try again, elsewhere
	} else if err == errUpstreamSlow || j.overdue() {
		code = contract.CodeUpstreamTimeout
	}
	info := code.Info()
	t := &j.e.RespTrailer
	t.Reset()
	t.AppendString("Grpc-Status", strconv.Itoa(info.GRPC))
	t.AppendString("Grpc-Message", string(appendGRPCMessage(nil, info, "")))
	return j.cl.write(j, nil, true) == nil
}

// overdue reports whether the call's time is over, or as good as over: a backend that
// was given what was left of it may give up a moment before the edge does.
func (j *job) overdue() bool { return j.eng.clock.Boot()+int64(10*time.Millisecond) >= j.deadline }

// grpcTimeout is the header field with a call's deadline.
const grpcTimeout = "Grpc-Timeout"

// callTimeout returns what the client allows a gRPC call, 0 when it does not say.
func (j *job) callTimeout() time.Duration {
	fields := j.e.ReqHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && f.ID == 0 && policy.Static(f.Name).Fold(grpcTimeout) {
			d, _ := parseTimeout(f.Value)
			return d
		}
	}
	return 0
}

// timeoutUnits are the units of grpc-timeout.
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// maxTimeout bounds what is taken from a client: over it there is no deadline.
const maxTimeout = 365 * 24 * time.Hour

// parseTimeout reads a grpc-timeout: at most 8 digits and a unit.
func parseTimeout(s string) (d time.Duration, ok bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit, ok := timeoutUnits[s[len(s)-1]]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil || time.Duration(n) > maxTimeout/unit {
		return 0, false
	}
	return max(time.Duration(n)*unit, 1), true
}

// formatTimeout writes a grpc-timeout, rounded up to the smallest unit of which
// eight digits are enough.
func formatTimeout(d time.Duration) string {
	d = max(d, 1)
	const most = 99_999_999
	for _, unit := range []byte("numSMH") {
		u := timeoutUnits[unit]
		if n := (d + u - 1) / u; n <= most {
			return strconv.FormatInt(int64(n), 10) + string(unit)
		}
	}
	return strconv.Itoa(most) + "H"
}
