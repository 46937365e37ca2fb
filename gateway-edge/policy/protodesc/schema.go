package protodesc

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// builtin are the well-known files.
var builtin = []protoreflect.FileDescriptor{
	descriptorpb.File_google_protobuf_descriptor_proto,
	anypb.File_google_protobuf_any_proto,
	apipb.File_google_protobuf_api_proto,
	durationpb.File_google_protobuf_duration_proto,
	emptypb.File_google_protobuf_empty_proto,
	fieldmaskpb.File_google_protobuf_field_mask_proto,
	sourcecontextpb.File_google_protobuf_source_context_proto,
	structpb.File_google_protobuf_struct_proto,
	timestamppb.File_google_protobuf_timestamp_proto,
	typepb.File_google_protobuf_type_proto,
	wrapperspb.File_google_protobuf_wrappers_proto,
	annotations.File_google_api_http_proto,
	annotations.File_google_api_annotations_proto,
	annotations.File_google_api_client_proto,
	annotations.File_google_api_field_behavior_proto,
	annotations.File_google_api_field_info_proto,
	annotations.File_google_api_resource_proto,
	httpbody.File_google_api_httpbody_proto,
	code.File_google_rpc_code_proto,
	errdetails.File_google_rpc_error_details_proto,
	status.File_google_rpc_status_proto,
}

var byPath = func() map[string]protoreflect.FileDescriptor {
	m := map[string]protoreflect.FileDescriptor{}
	for _, fd := range builtin {
		m[fd.Path()] = fd
		for i := range fd.Imports().Len() {
			im := fd.Imports().Get(i)
			m[im.Path()] = im.FileDescriptor
		}
	}
	return m
}()

func wellKnown(path string) (protoreflect.FileDescriptor, bool) {
	fd, ok := byPath[path]
	return fd, ok
}

// Schema is what was uploaded, ready for use.
type Schema struct {
	// Types resolves messages of google.protobuf.Any and extensions: the uploaded
	// ones, and the well-known ones.
	Types Types
	files []protoreflect.FileDescriptor // uploaded ones, in order
}

// Load makes a schema of a base64 descriptor set or of sources, by the names that
// they are imported with; exactly one is given. The error is a sentence for the
// tenant.
func Load(descriptors string, sources map[string]string) (*Schema, error) {
	var set *descriptorpb.FileDescriptorSet
	var err error
	if descriptors != "" {
		if len(descriptors) > base64.StdEncoding.EncodedLen(MaxBytes) {
			return nil, fmt.Errorf("is longer than a base64 text of %d bytes", MaxBytes)
		}
		raw, err := base64.StdEncoding.DecodeString(descriptors)
		if err != nil {
			return nil, fmt.Errorf("is no base64 text: %w", err)
		}
		if set, err = parse(raw); err != nil {
			return nil, err
		}
	} else if set, err = compile(sources); err != nil {
		return nil, err
	}
	return link(set)
}

// link resolves the files' references. Options of the uploaded files are read with
// the types that are compiled in.
func link(set *descriptorpb.FileDescriptorSet) (s *Schema, err error) {
	defer func() {
		if v := recover(); v != nil { // descriptors are a stranger's
			s, err = nil, fmt.Errorf("can't be used: %v", v)
		}
	}()
	set.File = slices.DeleteFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool {
		_, known := wellKnown(f.GetName())
		return known
	})
	raw, err := proto.Marshal(set) // options that a compiler left as extensions of its own become ours
	if err != nil {
		return nil, err
	}
	own := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, own); err != nil {
		return nil, err
	}
	all := &descriptorpb.FileDescriptorSet{File: append(imports(own), own.File...)}
	files, err := protodesc.NewFiles(all)
	if err != nil {
		return nil, err
	}
	s = &Schema{Types: Types{dynamicpb.NewTypes(files)}}
	for _, f := range own.File {
		fd, err := files.FindFileByPath(f.GetName())
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, fd)
	}
	return s, checkDepth(files)
}

// checkDepth refuses messages that are declared too deep inside one another.
func checkDepth(files *protoregistry.Files) (err error) {
	files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		err = deep(fd.Messages(), 0)
		return err == nil
	})
	return err
}

func deep(ms protoreflect.MessageDescriptors, depth int) error {
	for i := range ms.Len() {
		if depth >= MaxNesting {
			return fmt.Errorf("%s: messages are declared more than %d deep inside one another", ms.Get(i).FullName(), MaxNesting)
		}
		if err := deep(ms.Get(i).Messages(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Services returns the services of the uploaded files, in order: those that are
// named, or all when none is. A name that none has is an error.
func (s *Schema) Services(names []string) (out []protoreflect.ServiceDescriptor, err error) {
	all := map[string]protoreflect.ServiceDescriptor{}
	for _, fd := range s.files {
		for i := range fd.Services().Len() {
			sd := fd.Services().Get(i)
			all[string(sd.FullName())] = sd
			out = append(out, sd)
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	out = nil
	for _, n := range names {
		sd, ok := all[n]
		if !ok {
			return nil, fmt.Errorf("there is no service %s; there are: %s", n, strings.Join(serviceNames(all), ", "))
		}
		out = append(out, sd)
	}
	return out, nil
}

func serviceNames(all map[string]protoreflect.ServiceDescriptor) (out []string) {
	for n := range all {
		out = append(out, n)
	}
	slices.Sort(out)
	if len(out) > 20 {
		out = append(out[:20], "…")
	}
	return out
}

// Types finds messages and extensions by name, among what was uploaded first.
type Types struct{ own *dynamicpb.Types }

// FindMessageByName is of protoregistry.MessageTypeResolver.
func (t Types) FindMessageByName(n protoreflect.FullName) (protoreflect.MessageType, error) {
	if mt, err := t.own.FindMessageByName(n); err == nil {
		return mt, nil
	}
	mt, err := protoregistry.GlobalTypes.FindMessageByName(n)
	if err != nil || !isBuiltin(mt.Descriptor()) {
		return nil, protoregistry.NotFound
	}
	return mt, nil
}

// FindMessageByURL is of protoregistry.MessageTypeResolver; what stands before the
// last slash has no meaning.
func (t Types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]))
}

// FindExtensionByName is of protoregistry.ExtensionTypeResolver.
func (t Types) FindExtensionByName(n protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return t.own.FindExtensionByName(n)
}

// FindExtensionByNumber is of protoregistry.ExtensionTypeResolver.
func (t Types) FindExtensionByNumber(m protoreflect.FullName, n protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return t.own.FindExtensionByNumber(m, n)
}

func isBuiltin(d protoreflect.Descriptor) bool {
	_, ok := byPath[d.ParentFile().Path()]
	return ok
}
