package keep_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/keep"
	"github.com/tollgate/tollgate/services/contract"
)

func config(t *testing.T, dir string, root byte) keep.Config {
	t.Helper()
	keys, err := contract.NewRootKeys(bytes.Repeat([]byte{root}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return keep.Config{Dir: dir, Keys: &keys.Edge, Wall: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, c keep.Config) *keep.Store {
	t.Helper()
	s, err := keep.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run lets a store write all that is saved in save.
func run(t *testing.T, s *keep.Store, save func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	save()
	cancel()
	done.Wait()
}

func TestValuesOutliveTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, config(t, dir, 1))
	run(t, s, func() {
		s.Of(1).Save("issuer", []byte("old"))
		if v, _ := s.Of(1).Load("issuer"); string(v) != "old" {
			t.Errorf("before it is written: %q", v)
		}
		s.Of(1).Save("issuer", []byte("keys"))
		s.Of(2).Save("issuer", []byte("others"))
		s.Of(1).Save("huge", make([]byte, 1<<20))
	})
	again := open(t, config(t, dir, 1))
	for num, want := range map[uint64]string{1: "keys", 2: "others", 3: ""} {
		v, saved := again.Of(num).Load("issuer")
		if string(v) != want || want != "" && time.Since(saved) > time.Minute {
			t.Errorf("tenant %d: %q of %s, want %q", num, v, saved, want)
		}
	}
	if v, _ := again.Of(1).Load("huge"); v != nil {
		t.Error("a value over the bound was kept")
	}
	if v, _ := open(t, config(t, dir, 2)).Of(1).Load("issuer"); v != nil {
		t.Error("another installation's value was read")
	}
}

// TestForeignFilesAreNoValues: what was moved, cut or planted counts as none, and
// what is old goes.
func TestForeignFilesAreNoValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, config(t, dir, 1))
	run(t, s, func() {
		s.Of(1).Save("a", []byte("va"))
		s.Of(1).Save("b", []byte("vb"))
		s.Of(1).Save("c", []byte("vc"))
	})
	files, err := filepath.Glob(filepath.Join(dir, "*.tgv"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	if err := os.Rename(files[0], files[1]); err != nil { // one tenant's value under another's name
		t.Fatal(err)
	}
	old := time.Now().Add(-30 * 24 * time.Hour)
	if err := os.Chtimes(files[2], old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "half.tgv.new"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(t, dir, 1))
	for _, key := range []string{"a", "b", "c"} {
		if v, _ := s.Of(1).Load(key); v != nil && key != "c" || key == "c" && v != nil {
			t.Errorf("%s is %q", key, v)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
