package protodesc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Bounds of what is uploaded.
const (
	MaxBytes   = 1 << 20 // of a descriptor set, or of all sources
	MaxFiles   = 200
	MaxNesting = 32 // of braces in a source, of messages in a descriptor set
	maxName    = 256
)

// compile makes a descriptor set of sources. The errors say file, line and column.
func compile(sources map[string]string) (*descriptorpb.FileDescriptorSet, error) {
	if err := checkSources(sources); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(sources))
	c := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			if fd, ok := wellKnown(path); ok {
				return protocompile.SearchResult{Desc: fd}, nil
			}
			if text, ok := sources[path]; ok {
				return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
			}
			return protocompile.SearchResult{}, fmt.Errorf("%s is neither uploaded nor one of the well-known files: %w", path, fs.ErrNotExist)
		}),
	}
	names = slices.DeleteFunc(names, func(n string) bool { _, known := wellKnown(n); return known })
	files, err := c.Compile(context.Background(), names...)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range files {
		fd := protodesc.ToFileDescriptorProto(f)
		set.File = append(set.File, proto.Clone(fd).(*descriptorpb.FileDescriptorProto))
	}
	return set, nil
}

func checkSources(sources map[string]string) error {
	if len(sources) > MaxFiles {
		return fmt.Errorf("%d files, at most %d are allowed", len(sources), MaxFiles)
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if name == "" || len(name) > maxName || !fs.ValidPath(name) || strings.ContainsAny(name, "\\:") {
			return fmt.Errorf("%q is no name of a file such as \"shop/v1/orders.proto\"", name)
		}
		size += len(sources[name])
		if depth := nesting(sources[name]); depth > MaxNesting {
			return fmt.Errorf("%s: nested %d deep, at most %d are allowed", name, depth, MaxNesting)
		}
	}
	if size > MaxBytes {
		return fmt.Errorf("%d bytes, at most %d are allowed", size, MaxBytes)
	}
	return nil
}

// nesting is how deep brackets stand inside one another, those of comments and
// strings too: the compiler walks down the nesting of a file.
func nesting(s string) (deepest int) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{', '[', '(', '<':
			depth++
			deepest = max(deepest, depth)
		case '}', ']', ')', '>':
			depth = max(depth-1, 0)
		}
	}
	return deepest
}

// parse reads a serialized descriptor set.
func parse(raw []byte) (*descriptorpb.FileDescriptorSet, error) {
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(raw), MaxBytes)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := (proto.UnmarshalOptions{RecursionLimit: MaxNesting + 10}).Unmarshal(raw, set); err != nil {
		return nil, errors.New("is no google.protobuf.FileDescriptorSet: write one with `protoc --include_imports --descriptor_set_out` or `buf build -o`")
	}
	if len(set.File) == 0 {
		return nil, errors.New("holds no file")
	}
	if len(set.File) > MaxFiles {
		return nil, fmt.Errorf("holds %d files, at most %d are allowed", len(set.File), MaxFiles)
	}
	return set, nil
}

// imports returns the well-known files that the files of a set need, as
// descriptors, each once, the needed before those who need them.
func imports(set *descriptorpb.FileDescriptorSet) (out []*descriptorpb.FileDescriptorProto) {
	seen := map[string]bool{}
	var add func(fd protoreflect.FileDescriptor)
	add = func(fd protoreflect.FileDescriptor) {
		if seen[fd.Path()] {
			return
		}
		seen[fd.Path()] = true
		for i := range fd.Imports().Len() {
			add(fd.Imports().Get(i).FileDescriptor)
		}
		out = append(out, protodesc.ToFileDescriptorProto(fd))
	}
	for _, f := range set.File {
		for _, name := range f.Dependency {
			if fd, ok := wellKnown(name); ok {
				add(fd)
			}
		}
	}
	return out
}
