package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestReadLineEnds holds that Ctrl-C ends a question at once, though the terminal has
// nothing to read.
func TestReadLineEnds(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if line, err := readLine(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", line, err)
	}
	if line, err := readLine(t.Context(), strings.NewReader("yes\nno\n")); line != "yes\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}
