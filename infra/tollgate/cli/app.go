package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/profile"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// Config is what the command line is given.
type Config struct {
	Version  string
	In       io.Reader
	Out, Err io.Writer
	Environ  []string // KEY=value lines
	// Operator are the commands of who runs Tollgate.
	Operator []Operator
}

// Operator is a command that reads its flags and environment itself.
type Operator struct {
	Name string // with the name of the command that it belongs to: "secrets edge"
	Args string
	Help string // a line
	Run  func(ctx context.Context, args []string, out io.Writer) error
}

// App is one run of the command line.
type App struct {
	cfg  Config
	root *cobra.Command
	out  *show.Printer

	chosen     profile.Chosen
	configPath string
	colour     bool // of what goes to Out; Err has its own
	began      bool // a command runs: what goes wrong from here on is no usage error
}

// New makes the command line.
func New(cfg Config) *App {
	a := &App{cfg: cfg, out: &show.Printer{Out: cfg.Out, Err: cfg.Err, Format: show.Table}}
	a.root = a.newRoot()
	return a
}

const (
	groupOperator = "operator"
	groupObjects  = "objects"
	groupCode     = "code"
	groupInsight  = "insight"
	groupOwn      = "own"
)

func (a *App) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tollgate",
		Short: "Tollgate: an API gateway and load balancer",
		Long: "Tollgate: an API gateway and load balancer.\n\n" +
			"One binary: it runs Tollgate (`tollgate up`), and it manages gateways at a Tollgate that runs somewhere,\n" +
			"by its management API. Sign in first: `tollgate login --api-url https://portal.example.com`.",
		SilenceErrors:              true,
		SilenceUsage:               true,
		Version:                    a.cfg.Version,
		SuggestionsMinimumDistance: 2,
		RunE:                       group,
		Args:                       cobra.ArbitraryArgs,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(a.cfg.In)
	root.SetOut(a.cfg.Out)
	root.SetErr(a.cfg.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fault.Mistake(err) })
	root.AddGroup(
		&cobra.Group{ID: groupCode, Title: "Tollgate as code:"},
		&cobra.Group{ID: groupObjects, Title: "What you have:"},
		&cobra.Group{ID: groupInsight, Title: "What happens:"},
		&cobra.Group{ID: groupOwn, Title: "The command line itself:"},
		&cobra.Group{ID: groupOperator, Title: "Running Tollgate:"},
	)
	root.SetHelpCommandGroupID(groupOwn)
	root.SetCompletionCommandGroupID(groupOwn)
	f := root.PersistentFlags()
	f.StringVar(&a.chosen.Profile, "profile", "", "which profile of the configuration to use ($TOLLGATE_PROFILE)")
	f.StringVar(&a.chosen.URL, "api-url", "", "the portal to talk to ($TOLLGATE_API_URL)")
	f.StringVar(&a.chosen.Token, "api-token", "", "management token; others can see it here: better $TOLLGATE_API_TOKEN, or tollgate login")
	f.StringVarP(&a.chosen.Gateway, "gateway", "g", "", "name or id of the gateway ($TOLLGATE_GATEWAY)")
	f.StringVarP(&a.out.Format, "output", "o", show.Table, "output: "+strings.Join(show.Formats, ", "))
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(show.Formats, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("gateway", a.completeGateways)
	_ = root.RegisterFlagCompletionFunc("profile", a.completeProfiles)
	for _, c := range a.commands() {
		root.AddCommand(c)
	}
	for _, o := range a.cfg.Operator {
		a.addOperator(root, o)
	}
	return root
}

// group is what a command that only has others below it does.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return fault.New(fault.Usage, "see `"+cmd.CommandPath()+" --help`", text)
}

// parent makes a command that only has others below it.
func parent(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.RunE, c.Args = group, cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(below...)
	return c
}

// addOperator hangs an operator's command, which reads its flags itself.
func (a *App) addOperator(root *cobra.Command, o Operator) {
	at, name := root, o.Name
	var words []string
	if above, below, ok := strings.Cut(o.Name, " "); ok {
		name = below
		words = []string{below}
		for _, c := range root.Commands() {
			if c.Name() == above {
				at = c
			}
		}
	}
	run := func(cmd *cobra.Command, args []string) error {
		return o.Run(cmd.Context(), slices.Concat(words, args), a.cfg.Out)
	}
	c := &cobra.Command{
		Use: strings.TrimSpace(name + " " + o.Args), Short: o.Help, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.began = true
			return run(cmd, args)
		},
	}
	c.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = run(cmd, []string{"--help"}) })
	if at == root {
		c.GroupID = groupOperator
	}
	at.AddCommand(c)
}

// Root is the tree of commands, for documentation.
func (a *App) Root() *cobra.Command { return a.root }

// Execute runs the command that args name and returns the exit code.
func (a *App) Execute(ctx context.Context, args []string) int {
	a.out.Colour, a.colour = a.colours(a.cfg.Err), a.colours(a.cfg.Out)
	a.root.SetArgs(args)
	cmd, err := a.root.ExecuteContextC(ctx)
	if err == nil {
		return int(fault.OK)
	}
	if code, _ := fault.Of(err); !a.began && code == fault.Failed {
		err = fault.Wrap(fault.Usage, "see `"+cmd.CommandPath()+" --help`", err)
	}
	code, _ := fault.Of(err)
	if ctx.Err() != nil && code == fault.Failed {
		code = fault.Interrupted
	}
	var silent *silentError
	if !errors.As(err, &silent) {
		a.out.Failure(cmd.CommandPath(), err)
	}
	return int(code)
}

// silentError is a failure that the output has said already.
type silentError struct{ error }

// Unwrap returns the failure, for its exit code.
func (e *silentError) Unwrap() error { return e.error }

// do makes what a command runs of a function: it finds the environment's choices
// and checks what all commands have in common.
func (a *App) do(run func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		if err := a.begin(); err != nil {
			return err
		}
		return run(cmd.Context(), cmd, args)
	}
}

// begin reads the environment and checks the flags of all commands.
func (a *App) begin() error {
	if !slices.Contains(show.Formats, a.out.Format) {
		return fault.Mistake(fmt.Errorf("--output %q: say %s", a.out.Format, strings.Join(show.Formats, ", ")))
	}
	v, err := settings.Load([]string{settings.APIURL, settings.APIToken, settings.Config, settings.Profile, settings.Gateway, settings.Owner}, nil, a.cfg.Environ)
	if err != nil {
		return fault.Mistake(err)
	}
	if a.chosen.Token != "" {
		a.out.Note("warning: other users of this machine can see a token on the command line; use TOLLGATE_API_TOKEN or `tollgate login`")
	}
	for to, name := range map[*string]string{
		&a.chosen.URL: settings.APIURL, &a.chosen.Token: settings.APIToken, &a.chosen.Profile: settings.Profile, &a.chosen.Gateway: settings.Gateway,
	} {
		if *to == "" {
			*to = v.String(name)
		}
	}
	a.configPath, err = profile.Path(a.env)
	if err != nil && a.chosen.URL != "" { // nothing of the file is needed
		a.configPath, err = os.DevNull, nil
	}
	return err
}

func (a *App) env(name string) string {
	for _, line := range slices.Backward(a.cfg.Environ) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// colours says whether a stream gets colours.
func (a *App) colours(w io.Writer) bool {
	return a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" && terminal(w)
}

// terminal says whether a stream is a person's.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// file reads the configuration file.
func (a *App) file() (*profile.File, error) {
	if a.configPath == os.DevNull {
		return &profile.File{}, nil
	}
	return profile.Read(a.configPath)
}

// profile finds the portal that a command talks to.
func (a *App) profile() (profile.Profile, error) {
	f, err := a.file()
	if err != nil {
		return profile.Profile{}, err
	}
	_, p, err := f.Resolve(a.chosen)
	if err != nil {
		return p, err
	}
	if p.URL == "" {
		return p, fault.New(fault.SignIn, "sign in with `tollgate login --api-url https://…`, or set TOLLGATE_API_URL and TOLLGATE_API_TOKEN; `tollgate up` is at http://localhost:8080",
			"it is not said which portal to talk to")
	}
	return p, nil
}

// client makes a client that is signed in.
func (a *App) client() (*client.ClientWithResponses, profile.Profile, error) {
	p, err := a.profile()
	if err != nil {
		return nil, p, err
	}
	if p.Token == "" {
		return nil, p, fault.New(fault.SignIn, "sign in with `tollgate login --api-url "+p.URL+"`, or set TOLLGATE_API_TOKEN", "there is no token for "+p.URL)
	}
	c, err := a.dial(p.URL, p.Token)
	return c, p, err
}

// dial makes a client for a portal.
func (a *App) dial(portal, token string) (*client.ClientWithResponses, error) {
	c, err := client.New(client.Options{URL: portal, Token: token, UserAgent: "tollgate/" + a.cfg.Version, HTTP: &http.Client{
		Transport:     &reached{next: http.DefaultTransport, portal: portal},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, fault.Mistake(err)
	}
	if u, err := url.Parse(portal); err == nil && u.Scheme == "http" && !local(u.Hostname()) {
		a.out.Note("warning: %s is not encrypted: others on the way can read the token", portal)
	}
	return c, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// reached says in an error of the network whom it was about.
type reached struct {
	next   http.RoundTripper
	portal string
}

// RoundTrip sends one request.
func (t *reached) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, fault.Wrap(fault.Unavailable, "check the URL and the network; `tollgate profiles` shows where each profile goes", fmt.Errorf("%s can't be reached: %w", t.portal, err))
	}
	return res, err
}

// gateway makes a client, and finds which gateway a command is about.
func (a *App) gateway(ctx context.Context) (*client.ClientWithResponses, string, error) {
	c, p, err := a.client()
	if err != nil {
		return nil, "", err
	}
	if p.Gateway != "" {
		return c, p.Gateway, checkKey(p.Gateway)
	}
	// With a single one there is nothing to choose.
	res, err := c.ListGatewaysWithResponse(ctx, &client.ListGatewaysParams{Limit: new(2)})
	if err != nil {
		return nil, "", err
	}
	list, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
	if err != nil {
		return nil, "", err
	}
	switch len(list.Items) {
	case 0:
		return nil, "", fault.New(fault.Missing, "make one: `tollgate gateways create NAME`", "there is no gateway yet")
	case 1:
		return c, list.Items[0].Name, nil
	}
	return nil, "", fault.New(fault.Usage, "say which with --gateway or TOLLGATE_GATEWAY, or keep one in the profile: `tollgate profiles use NAME --gateway GATEWAY`", "there are several gateways")
}
