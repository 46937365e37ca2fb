package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// maxImport bounds a file that is imported, as the portal does.
const maxImport = 10 << 20

// importFormats are what can be imported, with the name that the API has for it.
var importFormats = []struct{ name, api, help, example string }{
	{"openapi", "openapi", "an OpenAPI 3 or Swagger 2 document, or a gateway's own export", "tollgate import openapi petstore.yaml --upstream https://pets.internal --apply"},
	{"aws", "openapi", "an OpenAPI document with the extensions of Amazon API Gateway", "tollgate import aws api.json --aws region=eu-central-1 --aws account=123456789012 --stage-variable host=api.example.com"},
	{"nginx", "nginx", "the upstream and server blocks of an nginx configuration", "tollgate import nginx upstream.conf --apply"},
}

func (a *App) importCommand() *cobra.Command {
	var below []*cobra.Command
	for _, f := range importFormats {
		below = append(below, a.importFormat(f.name, f.api, f.help, f.example))
	}
	return parent(&cobra.Command{
		Use: "import", Short: "Make routes and upstreams of what another gateway is described by", GroupID: groupCode,
		Long: "Reads a file and shows what becomes of each part of it (taken over, approximated, refused, with its line), and what\n" +
			"would change. Nothing changes without --apply. What is refused stops the import: no route ever ends up less protected\n" +
			"than its document says.",
	}, below...)
}

// importFlags are what a text leaves open.
type importFlags struct {
	options, aws       map[string]string
	schemes, variables []string // NAME=VALUE
	skip, apply, yes   bool
	wait               bool
}

// importOptions are the flags that are options of the same name.
var importOptions = []struct{ name, help string }{
	{"prefix", "stands before every path of the gateway; backends don't see it"},
	{"base-path", "keep or drop the path of the server's address"},
	{"server", "which of several servers: its URL, description or name"},
	{"upstream", "in the place of the servers: one of the gateway's upstreams, or an address"},
	{"mode", "proxy, or mock: answer with the document's examples"},
	{"validation", "refuse, report or off: whether requests are held to parameters and bodies"},
	{"existing", "keep or remove routes and upstreams that the file does not have"},
	{"on-conflict", "replace or refuse routes and upstreams of the same name"},
	{"document", "keep or drop the OpenAPI document"},
	{"unsecured", "public or refuse: operations without security"},
}

func (a *App) importFormat(name, api, help, example string) *cobra.Command {
	f := &importFlags{options: map[string]string{}}
	values := map[string]*string{}
	c := &cobra.Command{
		Use: name + " FILE", Short: "Import " + help, Example: "  " + example, Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			for option, v := range values {
				if *v != "" {
					f.options[strings.ReplaceAll(option, "-", "_")] = *v
				}
			}
			return a.runImport(ctx, api, args[0], f)
		}),
	}
	for _, o := range importOptions {
		values[o.name] = c.Flags().String(o.name, "", o.help)
	}
	c.Flags().StringArrayVar(&f.schemes, "scheme", nil, `the policy of a security scheme: NAME='{"type": "jwt", "config": {…}}'; may be given several times`)
	if name == "aws" {
		c.Flags().StringToStringVar(&f.aws, "aws", nil, "what the account says: region, account, partition, endpoint, access_key_id, secret_access_key, session_token (names of secrets)")
		c.Flags().StringArrayVar(&f.variables, "stage-variable", nil, "NAME=VALUE: what ${stageVariables.NAME} stands for; may be given several times")
	}
	c.Flags().BoolVar(&f.skip, "skip-refused", false, "leave out operations that are refused: they answer 403")
	c.Flags().BoolVar(&f.apply, "apply", false, "change the gateway")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "with --apply: do not ask")
	c.Flags().BoolVar(&f.wait, "wait", false, "with --apply: wait until every live edge serves it")
	return c
}

// input is what is sent.
func (f *importFlags) input(text string) (*client.ImportInput, error) {
	options := map[string]any{}
	for name, v := range f.options {
		options[name] = v
	}
	if f.skip {
		options["skip_refused"] = true
	}
	aws := object{}
	for name, v := range f.aws {
		aws[name] = v
	}
	variables, err := pairs("stage-variable", f.variables)
	if err != nil {
		return nil, err
	}
	if len(variables) > 0 {
		aws["stage_variables"] = variables
	}
	if len(aws) > 0 {
		options["aws"] = aws
	}
	policies, err := pairs("scheme", f.schemes)
	if err != nil {
		return nil, err
	}
	schemes := map[string]json.RawMessage{}
	for name, v := range policies {
		if !json.Valid([]byte(v)) {
			return nil, fault.Mistake(fmt.Errorf("--scheme %s: is no JSON; say %s='{\"type\": \"jwt\", \"config\": {…}}'", name, name))
		}
		schemes[name] = json.RawMessage(v)
	}
	if len(schemes) > 0 {
		options["schemes"] = schemes
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	return &client.ImportInput{Document: text, Options: new(json.RawMessage(raw))}, nil
}

// pairs are the values of a flag that is NAME=VALUE each; a value may have any text.
func pairs(flag string, given []string) (map[string]string, error) {
	out := map[string]string{}
	for _, g := range given {
		name, value, ok := strings.Cut(g, "=")
		if !ok || name == "" {
			return nil, fault.Mistake(fmt.Errorf("--%s %q: say NAME=VALUE", flag, g))
		}
		out[name] = value
	}
	return out, nil
}

func (a *App) runImport(ctx context.Context, api, file string, f *importFlags) error {
	text, err := a.readText(file)
	if err != nil {
		return err
	}
	in, err := f.input(text)
	if err != nil {
		return err
	}
	c, gateway, err := a.gateway(ctx)
	if err != nil {
		return err
	}
	look, err := sendImport(ctx, c, gateway, api, *in, nil)
	if err != nil {
		return err
	}
	if look.Blocked || !f.apply {
		if err := a.showImport(look); err != nil {
			return err
		}
		if look.Blocked {
			return fault.New(fault.Invalid, "change the file, say what it leaves open by flags, or leave operations out with --skip-refused", "the import is refused: nothing was changed")
		}
		a.out.Note("Nothing was changed: --apply does it.")
		return nil
	}
	table := a.out.Format == show.Table
	switch {
	case table:
		a.importTable(a.cfg.Out, look)
	case !f.yes: // the output is one value, of what was done
		a.importTable(a.cfg.Err, look)
	}
	if err := a.confirm(ctx, f.yes, fmt.Sprintf("Make %d changes to %s?", len(look.Changes), gateway)); err != nil {
		return err
	}
	made, err := sendImport(ctx, c, gateway, api, *in, &look.Version)
	if err != nil {
		return err
	}
	if table {
		fmt.Fprintf(a.cfg.Out, "Version %d\n", made.Version)
	} else if err := a.showImport(made); err != nil {
		return err
	}
	if f.wait {
		return a.waitLive(ctx, c, gateway, made.Version)
	}
	return nil
}

// readText reads a file, - for standard input.
func (a *App) readText(file string) (string, error) {
	in := a.cfg.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", fault.Mistake(err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	if len(b) > maxImport {
		return "", fault.New(fault.Invalid, "split it, or leave examples and descriptions out", file+": is larger than 10 MiB, which is the most that is imported")
	}
	return string(b), nil
}

// sendImport looks at an import, or applies it to the version seen where there is one.
func sendImport(ctx context.Context, c *client.ClientWithResponses, gateway, api string, in client.ImportInput, seen *int64) (*client.ImportResult, error) {
	apply := seen != nil
	var match *string
	if apply {
		match = new(strconv.Quote(strconv.FormatInt(*seen, 10)))
	}
	if api == "nginx" {
		res, err := c.ImportNginxWithResponse(ctx, gateway, &client.ImportNginxParams{Apply: &apply, IfMatch: match}, in)
		if err != nil {
			return nil, err
		}
		return client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
	}
	res, err := c.ImportOpenAPIWithResponse(ctx, gateway, &client.ImportOpenAPIParams{Apply: &apply, IfMatch: match}, in)
	if err != nil {
		return nil, err
	}
	return client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
}

// showImport prints what became of a text, by its lines, and what changes.
func (a *App) showImport(r *client.ImportResult) error {
	return a.out.Value(r, func(w io.Writer) error {
		a.importTable(w, r)
		return nil
	})
}

// importTable prints an import for people.
func (a *App) importTable(w io.Writer, r *client.ImportResult) {
	count := map[client.ImportRowLevel]int{}
	for _, row := range r.Report {
		count[row.Level]++
		fmt.Fprintf(w, "%5s  %s  %s", strconv.Itoa(row.Line), a.level(row.Level), show.Clean(row.What))
		if row.Why != nil && *row.Why != "" {
			fmt.Fprintf(w, ": %s", show.Clean(*row.Why))
		}
		fmt.Fprintln(w)
		if row.Advice != nil && *row.Advice != "" {
			fmt.Fprintf(w, "       %s\n", a.paint(show.Faint, "→ "+show.Clean(*row.Advice)))
		}
	}
	fmt.Fprintf(w, "\n%d taken over, %d approximated, %d refused\n", count["taken"], count["approximated"], count["refused"])
	if len(r.Changes) == 0 && !r.Blocked {
		fmt.Fprintln(w, "No difference to the gateway.")
	}
	for _, c := range r.Changes {
		name := ""
		if c.Name != nil {
			name = " " + show.Clean(*c.Name)
		}
		fmt.Fprintf(w, "  %s %s%s\n", c.Verb, strings.ReplaceAll(string(c.Kind), "_", " "), name)
	}
}

// level is a level in its colour, all of one width.
func (a *App) level(l client.ImportRowLevel) string {
	colour := map[client.ImportRowLevel]string{"taken": show.Green, "approximated": show.Yellow, "refused": show.Red}[l]
	return a.paint(colour, fmt.Sprintf("%-12s", l))
}

// paint colours what goes to Out.
func (a *App) paint(colour, text string) string {
	return (&show.Printer{Colour: a.colour}).Paint(colour, text)
}
