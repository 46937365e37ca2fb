package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/profile"
	"github.com/tollgate/tollgate/portal/client"
)

// maxLine bounds a token as it is read, in bytes.
const maxLine = 4096

func (a *App) loginCommand() *cobra.Command {
	var from string
	var noBrowser bool
	c := &cobra.Command{
		Use: "login", Short: "Sign in to a portal", GroupID: groupOwn, Args: cobra.NoArgs,
		Long: "Signs in to a portal: shows a code and opens the portal's page where you allow it, which makes a management token.\n" +
			"It is kept in a profile (~/.config/tollgate/config.yaml, readable by you alone). With --token a token that was\n" +
			"made on the portal's page Tokens is kept instead.",
		Example: "  tollgate login --api-url https://portal.example.com\n" +
			"  tollgate login --profile work --api-url https://portal.example.org\n" +
			"  tollgate login --api-url https://portal.example.com --token -  < token.txt",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			portal, err := a.loginURL()
			if err != nil {
				return err
			}
			if from == "" {
				return a.deviceLogin(ctx, portal, !noBrowser)
			}
			token, err := a.readToken(ctx, from)
			if err != nil {
				return err
			}
			return a.signIn(ctx, portal, token, "")
		}),
	}
	c.Flags().StringVar(&from, "token", "", "file that the management token stands in; -: standard input; without it the sign-in is allowed in a browser")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "open no browser: only print where to go")
	return c
}

// loginURL is the portal to sign in to: the one said, else the profile's.
func (a *App) loginURL() (string, error) {
	f, err := a.file()
	if err != nil {
		return "", err
	}
	name := a.chosen.Profile
	if name == "" {
		name = f.Current
	}
	if name == "" {
		name = profile.Default
	}
	is, portal := f.Profiles[name], a.chosen.URL
	if portal == "" {
		portal = is.URL
	}
	if a.chosen.Profile == "" && is.Token != "" && !profile.SamePortal(is.URL, portal) {
		return "", fault.New(fault.Usage, "keep both with `--profile NEWNAME`; `--profile "+name+"` forgets the old one",
			fmt.Sprintf("the profile %s that is used now is signed in to %s, not to %s", name, is.URL, portal))
	}
	if portal == "" {
		return "", fault.New(fault.Usage, "say --api-url https://portal.example.com; `tollgate up` is at http://localhost:8080", "it is not said which portal to sign in to")
	}
	return strings.TrimRight(portal, "/"), nil
}

// readToken reads a token from a file or from standard input.
func (a *App) readToken(ctx context.Context, from string) (string, error) {
	in, ask := a.cfg.In, false
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			if strings.HasPrefix(from, "tgm_") {
				// What was given is the token itself; the error must not print it.
				return "", fault.New(fault.Usage, "write it into a file, or `--token -` and standard input", "--token takes a file's name: others can see what stands on a command line")
			}
			return "", fault.Mistake(fmt.Errorf("read the token: %w", err))
		}
		defer f.Close()
		in = f
	} else if terminal(a.cfg.In) {
		fmt.Fprint(a.cfg.Err, "Management token (it is not shown): ")
		ask = true
	}
	var line string
	var err error
	if f, ok := in.(*os.File); ok && ask {
		line, err = readHidden(ctx, f)
		fmt.Fprintln(a.cfg.Err)
	} else {
		line, err = readLine(ctx, in)
	}
	if ctx.Err() != nil {
		return "", fault.New(fault.Interrupted, "", "interrupted: not signed in")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(line)
	if !strings.HasPrefix(token, "tgm_") {
		return "", fault.New(fault.Usage, "make one on the portal's page Tokens", "what was given is no management token: those begin with tgm_")
	}
	return token, nil
}

// signIn tries a token and keeps it in the profile chosen.
func (a *App) signIn(ctx context.Context, portal, token, expires string) error {
	name := a.chosen.Profile
	f, err := a.file()
	if err != nil {
		return err
	}
	if name == "" {
		name = f.Current
	}
	if name == "" {
		name = profile.Default
	}
	if err := profile.CheckName(name); err != nil {
		return err
	}
	c, err := a.dial(portal, token)
	if err != nil {
		return err
	}
	p := f.Profiles[name]
	if !profile.SamePortal(p.URL, portal) {
		p = profile.Profile{}
	}
	p.URL, p.Token, p.Expires, p.Organization = portal, token, expires, ""
	if a.chosen.Gateway != "" {
		p.Gateway = a.chosen.Gateway
	}
	res, err := c.GetOrganizationWithResponse(ctx)
	if err != nil {
		return err
	}
	org, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
	switch {
	case err == nil:
		p.Organization = org.Name
	case client.Code(err) == "forbidden": // its scopes are for something else
	default:
		return err
	}
	f.Set(name, p)
	f.Current = name
	if err := f.Write(); err != nil {
		return err
	}
	where := portal
	if p.Organization != "" {
		where += ", organization " + p.Organization
	}
	a.out.Note("Signed in to %s. Profile %s is used now.", where, name)
	return nil
}
