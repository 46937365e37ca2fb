package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, environ []string
		code          int
		out           []string
	}{
		"help":     {[]string{"--help"}, nil, 0, []string{"--portal-addr", "--database-url", "--smtp-url"}},
		"version":  {[]string{"--version"}, nil, 0, []string{"portal dev"}},
		"nothing":  {nil, nil, exitUsage, []string{"TOLLGATE_DATABASE_URL", "TOLLGATE_SECRET_KEY"}},
		"mistyped": {nil, []string{"TOLLGATE_DATABSE_URL=x"}, exitUsage, []string{"TOLLGATE_DATABASE_URL"}},
		"all mistakes at once": {
			nil,
			[]string{"TOLLGATE_TRUSTED_PROXIES=10.0.0.0/8,nonsense", "TOLLGATE_SMTP_URL=http://x", "TOLLGATE_DRAIN_TIMEOUT=soon", "TOLLGATE_SECRET_KEY=short"},
			exitUsage,
			[]string{"nonsense", "SMTP_URL", "soon", "SECRET_KEY", "DATABASE_URL"},
		},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), c.args, c.environ, &out, &out); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, out.String())
		}
		for _, want := range c.out {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is not in %s", name, want, out.String())
			}
		}
	}
}
