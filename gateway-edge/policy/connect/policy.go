package connect

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "connect",
	Phase:    policy.PhaseTransform,
	Request:  policy.Need{Mode: policy.NeedWhole, Max: defaultRequest},
	Response: policy.Need{Mode: policy.NeedWhole, Max: defaultResponse},
	New:      New,
}

// Config is the policy's configuration. At most one of Descriptors and Proto is
// given; without a schema there are no messages in JSON and no calls by GET.
type Config struct {
	Descriptors string            `json:"descriptors"`
	Proto       map[string]string `json:"proto"`
	// MaxRequestBytes and MaxResponseBytes bound a message.
	MaxRequestBytes  int64 `json:"max_request_bytes"`
	MaxResponseBytes int64 `json:"max_response_bytes"`
}

const (
	defaultRequest  = 1 << 20
	defaultResponse = 4 << 20
	maxMessage      = 16 << 20
	maxDepth        = 64 // of messages inside one another
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{MaxRequestBytes: defaultRequest, MaxResponseBytes: defaultResponse}
	p := &translator{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		for i, n := range []int64{c.MaxRequestBytes, c.MaxResponseBytes} {
			if n < 1 || n > maxMessage {
				errs.Add([]string{"/max_request_bytes", "/max_response_bytes"}[i], fmt.Sprintf("is between 1 and %d", maxMessage))
			}
		}
		p.compile(&c, errs)
	})
	if err != nil {
		return nil, err
	}
	p.maxIn, p.maxOut = c.MaxRequestBytes, c.MaxResponseBytes
	return p, nil
}

func (p *translator) compile(c *Config, errs *contract.FieldErrors) {
	at := "/proto"
	switch {
	case c.Descriptors != "" && len(c.Proto) > 0:
		errs.Add("/proto", "descriptors and proto can't both be given")
		return
	case c.Descriptors != "":
		at = "/descriptors"
	case len(c.Proto) == 0:
		return
	}
	s, err := protodesc.Load(c.Descriptors, c.Proto)
	if err != nil {
		errs.Add(at, err.Error())
		return
	}
	p.methods = map[string]*method{}
	all, _ := s.Services(nil)
	for _, sd := range all {
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			p.methods["/"+string(sd.FullName())+"/"+string(md.Name())] = newMethod(md)
		}
	}
	p.types = s.Types
	p.in = protojson.UnmarshalOptions{DiscardUnknown: true, Resolver: s.Types, RecursionLimit: maxDepth}
	p.out = protojson.MarshalOptions{Resolver: s.Types}
}

// method is a method of the schema.
type method struct {
	input, output protoreflect.MessageType
	streams       bool
	safe          bool // a call by GET is possible
}

func newMethod(md protoreflect.MethodDescriptor) *method {
	o, _ := md.Options().(*descriptorpb.MethodOptions)
	return &method{
		input: dynamicpb.NewMessageType(md.Input()), output: dynamicpb.NewMessageType(md.Output()),
		streams: md.IsStreamingClient() || md.IsStreamingServer(),
		safe:    o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
	}
}

// translator is immutable.
type translator struct {
	methods       map[string]*method // by path; nil: no schema
	types         protodesc.Types
	in            protojson.UnmarshalOptions
	out           protojson.MarshalOptions
	maxIn, maxOut int64
}

// Needs is policy.Needer.
func (p *translator) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: p.maxIn}, policy.Need{Mode: policy.NeedWhole, Max: p.maxOut + grpcwire.HeadLen}
}

var (
	_ policy.Policy    = (*translator)(nil)
	_ policy.Needer    = (*translator)(nil)
	_ policy.Chooser   = (*translator)(nil)
	_ policy.Responder = (*translator)(nil)
)
