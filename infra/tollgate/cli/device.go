package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
)

// Bounds of what a portal may ask a device sign-in to wait.
const (
	shortestPoll = time.Second
	longestPoll  = time.Minute
	longestLogin = 30 * time.Minute
	// slower is what each slow_down adds (RFC 8628 section 3.5).
	slower = 5 * time.Second
)

// userCode is what a code may look like: it is printed to a terminal.
var userCode = regexp.MustCompile(`^[A-Z0-9-]{1,32}$`)

// notInHost is what the portal takes in no machine's name.
var notInHost = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// hostName is this machine's name as the portal takes it.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "computer"
	}
	return cleanHost(name)
}

// cleanHost makes a name of any text: from 1 to 63 letters, digits and `._-`, a
// letter or digit first and last.
func cleanHost(name string) string {
	name = strings.Trim(notInHost.ReplaceAllString(name, "-"), "._-")
	if name = strings.Trim(name[:min(len(name), 63)], "._-"); name == "" {
		return "computer"
	}
	return name
}

// deviceLogin signs in by a person who allows it in a browser (RFC 8628).
func (a *App) deviceLogin(ctx context.Context, portal string, browser bool) error {
	c, err := a.dial(portal, "")
	if err != nil {
		return err
	}
	res, err := c.BeginDeviceLoginWithResponse(ctx, client.DeviceLoginInput{Host: hostName()})
	if err != nil {
		return err
	}
	codes, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
	if err != nil {
		if client.Code(err) == "not_found" {
			return fault.Wrap(fault.Missing, "sign in with a management token of its page Tokens: `tollgate login --token - < token.txt`", err)
		}
		return err
	}
	if !userCode.MatchString(codes.UserCode) || !webPage(codes.VerificationURI) || !webPage(codes.VerificationURIComplete) {
		return fault.New(fault.Failed, "check --api-url", portal+" answers with something else than a code and the page for it")
	}
	a.out.Note("Open %s\nand allow the code %s, if it is the same there. It works for %s.", codes.VerificationURI, codes.UserCode, time.Duration(codes.ExpiresIn)*time.Second)
	if browser && terminal(a.cfg.Err) {
		a.openBrowser(codes.VerificationURIComplete)
	}
	token, err := a.collect(ctx, c, codes)
	if err != nil {
		return err
	}
	return a.signIn(ctx, portal, token.Token, token.ExpiresAt.UTC().Format(time.RFC3339))
}

// webPage says whether an address may be printed and opened.
func webPage(address string) bool {
	u, err := url.Parse(address) // refuses control characters
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// openBrowser opens a page by $BROWSER, or by what the system has for that. The
// address is printed already: that nothing opens is no error.
func (a *App) openBrowser(page string) {
	command := "xdg-open"
	if runtime.GOOS == "darwin" {
		command = "open"
	}
	if own, _, _ := strings.Cut(a.env("BROWSER"), ":"); own != "" {
		command = own
	}
	path, err := exec.LookPath(command)
	if err != nil {
		return
	}
	cmd := exec.Command(path, page)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}

// collect asks for the token until somebody has decided.
func (a *App) collect(ctx context.Context, c *client.ClientWithResponses, codes *client.DeviceCodes) (*client.DeviceToken, error) {
	poll := min(max(time.Duration(codes.Interval)*time.Second, shortestPoll), longestPoll)
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(codes.ExpiresIn)*time.Second, longestLogin))
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil, notAllowed(ctx.Err())
		case <-time.After(poll):
		}
		res, err := c.CollectDeviceLoginWithResponse(ctx, client.DeviceCodeInput{DeviceCode: codes.DeviceCode})
		if err != nil {
			if ctx.Err() != nil {
				err = notAllowed(ctx.Err())
			}
			return nil, err
		}
		token, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
		switch client.Code(err) {
		case "authorization_pending":
		case "slow_down":
			poll = min(poll+slower, longestPoll)
		case "access_denied":
			return nil, fault.New(fault.SignIn, "", "the sign-in was denied in the browser")
		case "expired_token":
			return nil, notAllowed(context.DeadlineExceeded)
		default:
			if err == nil && !strings.HasPrefix(token.Token, "tgm_") {
				err = errors.New("the portal answered with something else than a management token")
			}
			return token, err
		}
	}
}

// notAllowed says why the wait ended without a decision.
func notAllowed(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.SignIn, "begin again: `tollgate login`", "nobody allowed the sign-in in time")
	}
	return fault.Wrap(fault.Interrupted, "", fmt.Errorf("not signed in: nobody had allowed it yet: %w", err))
}
