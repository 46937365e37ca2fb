package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// generatedFolder is a folder that holds generated files only: what is not
// generated any more is removed.
const generatedFolder = "portal/docs/policies"

// writeFiles writes what differs and removes what is not generated any more.
func writeFiles(root string, files map[string][]byte, out io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(root, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", name)
	}
	left, err := leftOver(root, files)
	for _, name := range left {
		err = errors.Join(err, os.Remove(filepath.Join(root, name)))
		fmt.Fprintln(out, "removed", name)
	}
	return err
}

// checkFiles names every file that writeFiles would change.
func checkFiles(root string, files map[string][]byte) error {
	var stale []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if old, err := os.ReadFile(filepath.Join(root, name)); err != nil || !bytes.Equal(old, files[name]) {
			stale = append(stale, name)
		}
	}
	left, err := leftOver(root, files)
	if err != nil {
		return err
	}
	if stale = append(stale, left...); len(stale) > 0 {
		return fmt.Errorf("run `make gen`; these are stale:\n  %s", strings.Join(stale, "\n  "))
	}
	return nil
}

func leftOver(root string, files map[string][]byte) (out []string, err error) {
	entries, err := os.ReadDir(filepath.Join(root, generatedFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name := generatedFolder + "/" + e.Name()
		if _, ok := files[name]; !ok {
			out = append(out, name)
		}
	}
	return out, nil
}
