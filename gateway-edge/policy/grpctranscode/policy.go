package grpctranscode

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "grpc_transcode",
	Phase:    policy.PhaseTransform,
	Request:  policy.Need{Mode: policy.NeedWhole, Max: defaultRequest},
	Response: policy.Need{Mode: policy.NeedWhole, Max: defaultResponse},
	New:      New,
}

// Config is the policy's configuration. Descriptors or Proto is given.
type Config struct {
	// Descriptors is a serialized google.protobuf.FileDescriptorSet in base64.
	Descriptors string `json:"descriptors"`
	// Proto are .proto files by the names that they are imported with.
	Proto map[string]string `json:"proto"`
	// Services by full name; none: all that were uploaded.
	Services []string `json:"services"`
	// Implicit: methods without a rule are reached at POST /package.Service/Method.
	Implicit bool `json:"implicit"`
	// Unmatched says what becomes of requests that no rule takes: refuse | pass.
	Unmatched string `json:"unmatched"`
	// UnknownFields says what becomes of fields and parameters that the message does
	// not have: refuse | ignore.
	UnknownFields string `json:"unknown_fields"`
	// IgnoreQuery are parameters that are no fields.
	IgnoreQuery []string `json:"ignore_query"`
	// DefaultValues writes fields with their default values too, EnumNumbers enums as
	// numbers, ProtoNames fields by their names in the .proto file.
	DefaultValues bool `json:"default_values"`
	EnumNumbers   bool `json:"enum_numbers"`
	ProtoNames    bool `json:"proto_names"`
	// Timeout is the deadline of unary calls whose client gives none; 0: none.
	Timeout contract.Duration `json:"timeout"`
	// MaxRequestBytes and MaxResponseBytes bound a body, or a message of a stream.
	MaxRequestBytes  int64 `json:"max_request_bytes"`
	MaxResponseBytes int64 `json:"max_response_bytes"`
}

const (
	defaultRequest  = 1 << 20
	defaultResponse = 4 << 20
	maxMessage      = 16 << 20
	maxNames        = 100
	maxTimeout      = contract.Duration(time.Hour)
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{
		Unmatched: "refuse", UnknownFields: "refuse", Timeout: contract.Duration(15 * time.Second),
		MaxRequestBytes: defaultRequest, MaxResponseBytes: defaultResponse,
	}
	p := &transcoder{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		p.compile(&c, errs)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	if c.Unmatched != "refuse" && c.Unmatched != "pass" {
		errs.Add("/unmatched", "is refuse or pass")
	}
	if c.UnknownFields != "refuse" && c.UnknownFields != "ignore" {
		errs.Add("/unknown_fields", "is refuse or ignore")
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		errs.Add("/timeout", "is at most 1h; 0s: calls have no deadline of their own")
	}
	for i, n := range []int64{c.MaxRequestBytes, c.MaxResponseBytes} {
		if n < 1 || n > maxMessage {
			errs.Add([]string{"/max_request_bytes", "/max_response_bytes"}[i], fmt.Sprintf("is between 1 and %d", maxMessage))
		}
	}
	names(errs, "services", c.Services)
	names(errs, "ignore_query", c.IgnoreQuery)
}

func names(errs *contract.FieldErrors, at string, list []string) {
	if len(list) > maxNames {
		errs.Add("/"+at, fmt.Sprintf("has %d names, at most %d are allowed", len(list), maxNames))
		return
	}
	for i, n := range list {
		if n == "" || len(n) > 256 {
			errs.Add(contract.Pointer(at, strconv.Itoa(i)), "has 1 to 256 bytes")
		}
	}
}

// compile reads the schema; nothing of it is looked at again but by requests.
func (p *transcoder) compile(c *Config, errs *contract.FieldErrors) {
	at := "/proto"
	switch {
	case c.Descriptors != "" && len(c.Proto) > 0:
		errs.Add("/proto", "descriptors and proto can't both be given")
		return
	case c.Descriptors != "":
		at = "/descriptors"
	case len(c.Proto) == 0:
		errs.Add("", "needs a schema: descriptors or proto")
		return
	}
	s, err := protodesc.Load(c.Descriptors, c.Proto)
	if err != nil {
		errs.Add(at, err.Error())
		return
	}
	if p.rules, err = compileRules(s, c.Services, c.Implicit); err != nil {
		errs.Add(at, err.Error())
		return
	}
	p.pass, p.ignore = c.Unmatched == "pass", map[string]bool{}
	for _, n := range c.IgnoreQuery {
		p.ignore[n] = true
	}
	p.types = s.Types
	p.in = protojson.UnmarshalOptions{DiscardUnknown: c.UnknownFields == "ignore", Resolver: s.Types, RecursionLimit: maxDepth}
	p.out = protojson.MarshalOptions{EmitUnpopulated: c.DefaultValues, UseEnumNumbers: c.EnumNumbers, UseProtoNames: c.ProtoNames, Resolver: s.Types}
	p.maxIn, p.maxOut = c.MaxRequestBytes, c.MaxResponseBytes
	if c.Timeout > 0 {
		p.timeout = strconv.FormatInt(max(c.Timeout.Std().Milliseconds(), 1), 10) + "m"
	}
}

// maxDepth bounds how deep messages of JSON stand inside one another.
const maxDepth = 64

// transcoder is immutable.
type transcoder struct {
	rules         *rules
	types         protodesc.Types
	pass          bool
	ignore        map[string]bool
	in            protojson.UnmarshalOptions
	out           protojson.MarshalOptions
	maxIn, maxOut int64
	timeout       string // as grpc-timeout; "": none
}

// Needs is policy.Needer.
func (p *transcoder) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: p.maxIn}, policy.Need{Mode: policy.NeedWhole, Max: p.maxOut + 5}
}

// isJSON reports whether a content type is JSON's.
func isJSON(ct string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(ct), ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

var (
	_ policy.Policy    = (*transcoder)(nil)
	_ policy.Needer    = (*transcoder)(nil)
	_ policy.Chooser   = (*transcoder)(nil)
	_ policy.Responder = (*transcoder)(nil)
)
