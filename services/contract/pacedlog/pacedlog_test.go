package pacedlog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestEachKindOnceInAWhile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := New(slog.New(slog.NewTextHandler(&out, nil)), "redis")
	now := time.Unix(1, 0)
	l.clock = func() time.Time { return now }
	for i := range 100 {
		l.Printf(t.Context(), "failed to dial %d", i)
		l.Printf(t.Context(), "another")
	}
	now = now.Add(Every)
	l.Printf(t.Context(), "failed to dial %d", 100)
	got := out.String()
	if n := strings.Count(got, "\n"); n != 3 || !strings.Contains(got, `line="failed to dial 0" left_out=0`) || !strings.Contains(got, `line="failed to dial 100" left_out=99`) {
		t.Errorf("%d lines:\n%s", n, got)
	}
	out.Reset()
	for i := range 1000 {
		l.Printf(t.Context(), fmt.Sprintf("kind %d: %%d", i), i)
	}
	if n := strings.Count(out.String(), "\n"); n > maxKinds || len(l.kinds) > maxKinds+1 {
		t.Errorf("%d lines of %d kinds", n, len(l.kinds))
	}
}
