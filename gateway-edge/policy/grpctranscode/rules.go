package grpctranscode

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
)

// maxRules bounds the rules of one policy.
const maxRules = 5000

// call is a method of a service.
type call struct {
	desc          protoreflect.MethodDescriptor
	path          string // of gRPC: "/package.Service/Method"
	input, output protoreflect.MessageType
}

func (c *call) streamsIn() bool  { return c.desc.IsStreamingClient() }
func (c *call) streamsOut() bool { return c.desc.IsStreamingServer() }

// binding is one rule of google.api.http.
type binding struct {
	call       *call
	httpMethod string
	template   *template
	vars       []variable
	body       protoreflect.FieldDescriptor // what the body holds; nil and whole: the message
	whole      bool
	answer     protoreflect.FieldDescriptor // what the answer holds; nil: the message
}

// variable is a capture with the field that it fills.
type variable struct {
	path     fieldPath
	from, to int
}

// rules are all rules of the services.
type rules struct {
	tree  tree
	calls map[string]*call // by path
	count int
}

// compileRules reads the services' options. Where implicit is set, a method
// without a rule is reached at POST /package.Service/Method.
func compileRules(s *protodesc.Schema, services []string, implicit bool) (*rules, error) {
	all, err := s.Services(services)
	if err != nil {
		return nil, err
	}
	r := &rules{calls: map[string]*call{}}
	for _, sd := range all {
		for i := range sd.Methods().Len() {
			if err := r.method(sd.Methods().Get(i), implicit); err != nil {
				return nil, err
			}
		}
	}
	if r.count == 0 {
		return nil, errors.New("no method has a google.api.http rule: write one, or set implicit")
	}
	return r, nil
}

func (r *rules) method(md protoreflect.MethodDescriptor, implicit bool) error {
	c := &call{
		desc: md, path: "/" + string(md.Parent().FullName()) + "/" + string(md.Name()),
		input: dynamicpb.NewMessageType(md.Input()), output: dynamicpb.NewMessageType(md.Output()),
	}
	rule, _ := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil || rule.GetPattern() == nil {
		if !implicit {
			return nil
		}
		rule = &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: c.path}, Body: "*"}
	}
	r.calls[c.path] = c
	for _, one := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		if one != rule && len(one.GetAdditionalBindings()) > 0 {
			return fmt.Errorf("%s: an additional binding has bindings of its own", md.FullName())
		}
		if r.count++; r.count > maxRules {
			return fmt.Errorf("more than %d rules", maxRules)
		}
		b, err := bind(c, one)
		if err == nil {
			err = r.tree.add(b)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", md.FullName(), err)
		}
	}
	return nil
}

func bind(c *call, rule *annotations.HttpRule) (*binding, error) {
	b := &binding{call: c}
	var path string
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		b.httpMethod, path = "GET", p.Get
	case *annotations.HttpRule_Put:
		b.httpMethod, path = "PUT", p.Put
	case *annotations.HttpRule_Post:
		b.httpMethod, path = "POST", p.Post
	case *annotations.HttpRule_Delete:
		b.httpMethod, path = "DELETE", p.Delete
	case *annotations.HttpRule_Patch:
		b.httpMethod, path = "PATCH", p.Patch
	case *annotations.HttpRule_Custom:
		b.httpMethod, path = p.Custom.GetKind(), p.Custom.GetPath()
	}
	if b.httpMethod == "" || b.httpMethod == "HEAD" || strings.ToUpper(b.httpMethod) != b.httpMethod {
		return nil, fmt.Errorf("a rule for the HTTP method %q is not possible", b.httpMethod)
	}
	var err error
	if b.template, err = parseTemplate(path); err != nil {
		return nil, fmt.Errorf("the path %q: %w", path, err)
	}
	for _, v := range b.template.captures {
		fp, err := resolve(c.desc.Input(), v.field)
		if err == nil {
			err = fp.scalar()
		}
		if err != nil {
			return nil, fmt.Errorf("the path %q: %w", path, err)
		}
		b.vars = append(b.vars, variable{fp, v.from, v.to})
	}
	if err := b.bindBody(rule); err != nil {
		return nil, err
	}
	if c.streamsIn() && (!b.whole || len(b.vars) > 0) {
		return nil, errors.New("a stream of requests needs body: \"*\" and a path without variables")
	}
	return b, nil
}

func (b *binding) bindBody(rule *annotations.HttpRule) error {
	switch f := rule.GetBody(); f {
	case "":
	case "*":
		b.whole = true
	default:
		if b.body = field(b.call.desc.Input(), f); b.body == nil {
			return fmt.Errorf("body: %s has no field %s", b.call.desc.Input().FullName(), f)
		}
	}
	if f := rule.GetResponseBody(); f != "" {
		if b.answer = field(b.call.desc.Output(), f); b.answer == nil {
			return fmt.Errorf("response_body: %s has no field %s", b.call.desc.Output().FullName(), f)
		}
	}
	return nil
}

// httpBody is a message that stands for bytes of any content type.
const httpBody = "google.api.HttpBody"

func isHTTPBody(d protoreflect.MessageDescriptor) bool { return d != nil && d.FullName() == httpBody }
