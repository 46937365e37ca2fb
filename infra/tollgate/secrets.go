package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// runSecrets prints what edges are given, or makes a new root secret.
func runSecrets(_ context.Context, args []string, out io.Writer) error {
	names := []string{settings.SecretKey}
	v, err := settings.Load(names, args, os.Environ())
	if err != nil {
		return wrong(err)
	}
	if v.Help {
		_, err := fmt.Fprint(out, "tollgate secrets edge   prints TOLLGATE_EDGE_SECRET for TOLLGATE_SECRET_KEY\ntollgate secrets new    prints a new TOLLGATE_SECRET_KEY\n\n", settings.Usage(names))
		return err
	}
	if len(v.Args) != 1 {
		return wrong(errors.New("say `edge` or `new`"))
	}
	switch v.Args[0] {
	case "new":
		key, err := newRootSecret()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, key)
		return err
	case "edge":
		if err := v.Require(settings.SecretKey); err != nil {
			return wrong(err)
		}
		root, err := contract.ParseRoot(v.String(settings.SecretKey))
		if err != nil {
			return wrong(err)
		}
		_, err = fmt.Fprintln(out, root.Edge.Secret())
		return err
	}
	return wrong(fmt.Errorf("unknown secret %q: say `edge` or `new`", v.Args[0]))
}

func newRootSecret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("read random: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}
