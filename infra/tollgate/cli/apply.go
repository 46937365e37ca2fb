package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/desired"
	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/offline"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// sync is what apply and diff are told.
type sync struct {
	files           []string
	owner           string
	prune, takeOver bool
}

func (a *App) syncFlags(cmd *cobra.Command, s *sync) {
	f := cmd.Flags()
	f.StringArrayVarP(&s.files, "file", "f", nil, "file or folder of YAML or JSON documents; -: standard input; may be given several times")
	f.StringVar(&s.owner, "owner", "", "whom to mark what is made as managed by, such as git:shop ($TOLLGATE_OWNER)")
	f.BoolVar(&s.prune, "prune", false, "delete what the owner made before and the files do not have any more")
	f.BoolVar(&s.takeOver, "take-over", false, "change what somebody else manages too, and make it the owner's")
}

// change is what would become of one gateway.
type change struct {
	want      *desired.Gateway
	fresh     bool // there is none yet
	applied   client.Applied
	consumers []consumerChange
	// later are the usage plans that go only after consumers have another one.
	later []any
	// blocked says why it can't be applied yet, beside what would change; nil: it can.
	blocked error
}

func (c *change) empty() bool {
	return !c.fresh && len(c.applied.Changes) == 0 && len(c.applied.TakenOver) == 0 && len(c.consumers) == 0
}

func (a *App) applyCommand() *cobra.Command {
	var s sync
	var yes, dry, wait bool
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Make gateways what files say", GroupID: groupCode, Args: cobra.NoArgs,
		Long: "Makes gateways what files say, after showing what would change. Each gateway changes all or nothing, in one version.\n" +
			"Objects are made or replaced by their names, and what the files do not have stays, but with --prune: that deletes\n" +
			"what the same --owner made before. What the portal or another owner made is never deleted, and is only changed with\n" +
			"--take-over. Keys are never touched. Secrets stand in no file: set them with `tollgate secrets create`. Documents that\n" +
			"name no gateway are about the one of --gateway; one that names another than --gateway says is refused.",
		Example: "  tollgate apply -f shop.yaml\n  tollgate export -g staging --portable | tollgate apply -g prod -f - --yes\n  tollgate apply -f config/ --owner git:shop --prune --yes --wait",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			api, changes, err := a.plan(ctx, &s)
			if err != nil {
				return err
			}
			changed, err := a.showChanges(changes)
			if err == nil {
				err = blocked(changes)
			}
			if err != nil || dry {
				return err
			}
			if changed {
				if err := a.confirm(ctx, yes, "Apply this?"); err != nil {
					return err
				}
			}
			return a.carryOut(ctx, api, &s, changes, wait)
		}),
	}
	a.syncFlags(c, &s)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVar(&wait, "wait", false, "wait until every live edge serves it")
	return c
}

func (a *App) diffCommand() *cobra.Command {
	var s sync
	var code bool
	c := &cobra.Command{
		Use: "diff -f FILE", Short: "Show what apply would change", GroupID: groupCode, Args: cobra.NoArgs,
		Example: "  tollgate diff -f config/ --owner git:shop --prune --exit-code",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			_, changes, err := a.plan(ctx, &s)
			if err != nil {
				return err
			}
			changed, err := a.showChanges(changes)
			if err == nil {
				err = blocked(changes)
			}
			if err == nil && changed && code {
				return &silentError{fault.New(fault.Differs, "", "there are differences")}
			}
			return err
		}),
	}
	a.syncFlags(c, &s)
	c.Flags().BoolVar(&code, "exit-code", false, "end with 3 where there are differences")
	return c
}

// wanted reads the files of a sync.
func (a *App) wanted(files []string) ([]*desired.Gateway, error) {
	if len(files) == 0 {
		return nil, fault.Mistake(errors.New("say which files: -f FILE, -f FOLDER or -f -"))
	}
	to := desired.Target{Name: a.chosen.Gateway}
	if f, err := a.file(); err == nil {
		if _, p, err := f.Resolve(a.chosen); err == nil {
			to.Default = p.Gateway
		}
	}
	return desired.Read(files, a.cfg.In, to)
}

// blocked is what keeps changes from being applied; nil: nothing.
func blocked(changes []*change) error {
	var errs []error
	for _, c := range changes {
		if c.blocked != nil {
			errs = append(errs, c.blocked)
		}
	}
	return errors.Join(errs...)
}

// plan finds out what files would change.
func (a *App) plan(ctx context.Context, s *sync) (*client.ClientWithResponses, []*change, error) {
	if s.owner == "" {
		s.owner = a.env("TOLLGATE_OWNER")
	}
	if s.prune && s.owner == "" {
		return nil, nil, fault.New(fault.Usage, "say --owner, such as git:shop", "--prune deletes only what an owner made")
	}
	want, err := a.wanted(s.files)
	if err != nil {
		return nil, nil, err
	}
	api, _, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	var out []*change
	for _, g := range want {
		c := &change{want: g}
		if problems := wrongConsumers(g); len(problems) > 0 {
			return nil, nil, g.Fault(problems)
		}
		if err := a.check(ctx, api, s, c); err != nil {
			return nil, nil, err
		}
		if err := checkConsumers(ctx, api, c); err != nil {
			return nil, nil, err
		}
		if err := checkPruned(ctx, api, c); err != nil {
			return nil, nil, err
		}
		out = append(out, c)
	}
	return api, out, nil
}

// check asks the API what a gateway's configuration would change.
func (a *App) check(ctx context.Context, api *client.ClientWithResponses, s *sync, c *change) error {
	g := c.want
	body, err := s.body(g, nil)
	if err != nil {
		return err
	}
	res, err := read(api.CheckApplyWithBody(ctx, g.Name, mediaJSON, body))
	if client.Code(err) == "not_found" {
		c.fresh = true
		c.blocked = secretsFirst(g)
		raw, merr := json.Marshal(object{"gateway": g.Name, "config": g.Config(), "secrets": g.Secrets})
		if g.Secrets == nil {
			raw, merr = json.Marshal(object{"gateway": g.Name, "config": g.Config()})
		}
		if merr != nil {
			return merr
		}
		res, err = read(api.CheckPlanWithBody(ctx, mediaJSON, bytes.NewReader(raw)))
	}
	if err != nil {
		return placed(g, err)
	}
	if err := json.Unmarshal(res.raw, &c.applied); err != nil {
		return fmt.Errorf("read what would change: %w", err)
	}
	if c.fresh {
		return nil
	}
	if c.blocked, err = a.secretsMissing(ctx, api, g); err != nil || g.Mode == "" {
		return err
	}
	is, err := read(api.GetGateway(ctx, g.Name))
	if err != nil {
		return err
	}
	if mode := textAt(is.body, "mode"); mode != g.Mode {
		return g.Fault([][2]string{{"/mode", fmt.Sprintf("the gateway is there already, with the mode %s, which never changes: is it another one that is meant?", mode)}})
	}
	return nil
}

// secretsFirst says which secrets a gateway that is to be made needs before its
// configuration can be applied; nil: none.
func secretsFirst(g *desired.Gateway) error {
	names := slices.Concat(g.Secrets, g.References())
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil
	}
	mode := ""
	if g.Mode != "" {
		mode = " --mode " + g.Mode
	}
	next := fmt.Sprintf("make the gateway and set them, then apply: `tollgate gateways create %s%s`, %s", g.Name, mode, setSecrets(g, names))
	return fault.New(fault.Invalid, next, fmt.Sprintf("gateway %s is not there yet, and so its secrets are not: %s. Nothing was changed", g.Name, strings.Join(names, ", ")))
}

// secretsMissing says which secrets that the files list a gateway does not have; nil:
// none.
func (a *App) secretsMissing(ctx context.Context, api *client.ClientWithResponses, g *desired.Gateway) (missing, err error) {
	if len(g.Secrets) == 0 {
		return nil, nil
	}
	items, err := a.secretKind().all(ctx, api, g.Name, 0)
	if client.Code(err) == "forbidden" { // to look is not allowed: what is referred to is checked all the same
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := slices.Compact(slices.Sorted(slices.Values(g.Secrets)))
	for _, raw := range items {
		o, err := decode(raw)
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == textAt(o, keyName) })
	}
	if len(names) == 0 {
		return nil, nil
	}
	return fault.New(fault.Invalid, "set them, then apply: "+setSecrets(g, names), fmt.Sprintf("gateway %s has no secrets %s, which the files list. Nothing was changed", g.Name, strings.Join(names, ", "))), nil
}

// setSecrets are the commands that set secrets.
func setSecrets(g *desired.Gateway, names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprintf("`tollgate secrets create %s -g %s --value-file FILE`", n, g.Name))
	}
	return strings.Join(out, ", ")
}

// body is what the API is asked to apply. Usage plans in keep are left as they are.
func (s *sync) body(g *desired.Gateway, keep []any) (io.Reader, error) {
	body := object{"config": g.Config(), "prune": s.prune, "take_over": s.takeOver}
	if len(keep) > 0 {
		config, err := decode(g.Config())
		if err != nil {
			return nil, err
		}
		plans, _ := config["usage_plans"].([]any)
		config["usage_plans"] = slices.Concat(plans, keep)
		body["config"] = config
	}
	if s.owner != "" {
		body["owner"] = s.owner
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	return bytes.NewReader(raw), nil
}

// placed tells an error of the API's at the files' lines.
func placed(g *desired.Gateway, err error) error {
	var api *client.Error
	if errors.As(err, &api) && api.Problem.Code == "managed_elsewhere" {
		return fault.Wrap(fault.Refused, "leave it to its owner, or repeat the command with --take-over", err)
	}
	if !errors.As(err, &api) || api.Errors == nil || len(*api.Errors) == 0 {
		return err
	}
	var problems [][2]string
	for _, e := range *api.Errors {
		problems = append(problems, [2]string{strings.TrimPrefix(e.Pointer, "/config"), e.Detail})
	}
	return g.Fault(problems)
}

func (a *App) exportCommand() *cobra.Command {
	var consumers, portable bool
	c := &cobra.Command{
		Use: "export", Short: "Write a gateway as a document that apply takes", GroupID: groupCode, Args: cobra.NoArgs,
		Long: "Writes a gateway as a document that `tollgate apply` takes, as YAML where nothing else is asked for. Secrets' values\n" +
			"and keys are in none. With --portable the document names no gateway and no mode: apply it to another one with --gateway.",
		Example: "  tollgate export --gateway shop > shop.yaml\n  tollgate export -g staging --portable > shop.yaml && tollgate apply -g prod -f shop.yaml",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			api, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			raw, err := export(ctx, api, gateway, consumers, portable)
			if err != nil {
				return err
			}
			return a.out.Value(raw, nil)
		}),
	}
	c.Flags().BoolVar(&consumers, "consumers", false, "with its consumers")
	c.Flags().BoolVar(&portable, "portable", false, "without the gateway's name and mode, to apply it to another one")
	return c
}

// export reads a gateway as a document, a portable one without its name and mode.
func export(ctx context.Context, api *client.ClientWithResponses, gateway string, consumers, portable bool) (json.RawMessage, error) {
	config, err := read(api.GetConfig(ctx, gateway))
	if err != nil {
		return nil, err
	}
	parts := [][]byte{bytes.TrimSpace(config.raw)}
	if !portable {
		g, err := read(api.GetGateway(ctx, gateway))
		if err != nil {
			return nil, err
		}
		head, err := json.Marshal(struct {
			Gateway string `json:"gateway"`
			Mode    string `json:"mode"`
		}{textAt(g.body, keyName), textAt(g.body, "mode")})
		if err != nil {
			return nil, err
		}
		parts = slices.Insert(parts, 0, head)
	}
	if consumers {
		items, err := consumerKind().all(ctx, api, gateway, 0)
		if err != nil {
			return nil, err
		}
		list := []object{}
		for _, raw := range items {
			o, err := decode(raw)
			if err != nil {
				return nil, err
			}
			for _, f := range []string{keyID, "created_at", "updated_at", "budgets"} {
				delete(o, f)
			}
			list = append(list, o)
		}
		raw, err := json.Marshal(object{"consumers": list})
		if err != nil {
			return nil, err
		}
		parts = append(parts, raw)
	}
	return join(parts), nil
}

// join makes one JSON object of several.
func join(parts [][]byte) json.RawMessage {
	var inner [][]byte
	for _, p := range parts {
		if body := bytes.TrimSpace(p[1 : len(p)-1]); len(body) > 0 {
			inner = append(inner, body)
		}
	}
	return json.RawMessage("{" + string(bytes.Join(inner, []byte(","))) + "}")
}

func (a *App) validateCommand() *cobra.Command {
	var files []string
	var private bool
	c := &cobra.Command{
		Use: "validate -f FILE", Short: "Check files without asking anybody, with the edge's own code", GroupID: groupCode, Args: cobra.NoArgs,
		Long: "Checks files on this machine alone, with the code that edges run: each gateway by itself, as its documents have it. What\n" +
			"they refer to has to stand in them; secrets are taken to be there, unless the documents list their names (`secrets:`).",
		Example: "  tollgate validate -f config/",
		RunE: a.do(func(context.Context, *cobra.Command, []string) error {
			want, err := a.wanted(files)
			if err != nil {
				return err
			}
			var errs []error
			for _, g := range want {
				secrets := g.Secrets
				if secrets == nil {
					secrets = g.References()
				}
				problems := append(wrongConsumers(g), plansMissing(g)...)
				for _, p := range offline.Check(g.Name, g.Config(), secrets, private) {
					problems = append(problems, [2]string{p.Pointer, p.Detail})
				}
				if len(problems) > 0 {
					errs = append(errs, g.Fault(problems))
					continue
				}
				a.out.Note("Gateway %s is right", show.Clean(g.Name))
			}
			return errors.Join(errs...)
		}),
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "file or folder of YAML or JSON documents; -: standard input; may be given several times")
	c.Flags().BoolVar(&private, "allow-private-upstreams", true, "let upstreams have private and loopback addresses")
	return c
}
