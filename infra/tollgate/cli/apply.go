package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
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
}

type consumerChange struct {
	name          string
	before, after json.RawMessage // before: nil for a new one
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
			"--take-over. Keys are never touched. Secrets stand in no file: set them with `tollgate secrets create`.",
		Example: "  tollgate apply -f shop.yaml\n  tollgate apply -f config/ --owner git:shop --prune --yes --wait",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			api, changes, err := a.plan(ctx, &s)
			if err != nil {
				return err
			}
			todo, err := a.showChanges(changes)
			if err != nil || !todo || dry {
				return err
			}
			if err := a.confirm(yes, "Apply this?"); err != nil {
				return err
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
			todo, err := a.showChanges(changes)
			if err == nil && todo && code {
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
	other := a.chosen.Gateway
	if f, err := a.file(); err == nil && other == "" {
		if _, p, err := f.Resolve(a.chosen); err == nil {
			other = p.Gateway
		}
	}
	return desired.Read(files, a.cfg.In, other)
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
		if err := a.check(ctx, api, s, c); err != nil {
			return nil, nil, err
		}
		if err := checkConsumers(ctx, api, c); err != nil {
			return nil, nil, err
		}
		out = append(out, c)
	}
	return api, out, nil
}

// check asks the API what a gateway's configuration would change.
func (a *App) check(ctx context.Context, api *client.ClientWithResponses, s *sync, c *change) error {
	g := c.want
	res, err := read(api.CheckApplyWithBody(ctx, g.Name, mediaJSON, s.body(g)))
	if client.Code(err) == "not_found" {
		c.fresh = true
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
	return json.Unmarshal(res.raw, &c.applied)
}

func (s *sync) body(g *desired.Gateway) io.Reader {
	body := object{"config": g.Config(), "prune": s.prune, "take_over": s.takeOver}
	if s.owner != "" {
		body["owner"] = s.owner
	}
	raw, _ := json.Marshal(body) // of JSON and plain values: it can be
	return bytes.NewReader(raw)
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

// checkConsumers compares consumers with those that there are.
func checkConsumers(ctx context.Context, api *client.ClientWithResponses, c *change) error {
	for _, raw := range c.want.Consumers {
		want, err := decode(raw)
		if err != nil {
			return err
		}
		name := textAt(want, keyName)
		if err := checkKey(name); err != nil {
			return err
		}
		one := consumerChange{name: name}
		delete(want, keyName)
		dropEmpty(want)
		if one.after, err = json.Marshal(want); err != nil {
			return err
		}
		if !c.fresh {
			res, err := read(api.GetConsumer(ctx, c.want.Name, name))
			if err != nil && client.Code(err) != "not_found" {
				return err
			}
			if err == nil {
				is := object{}
				for _, f := range []string{"usage_plan", "metadata", "identities"} {
					if v, ok := res.body[f]; ok {
						is[f] = v
					}
				}
				dropEmpty(is)
				if one.before, err = json.Marshal(is); err != nil {
					return err
				}
				if bytes.Equal(one.before, one.after) {
					continue
				}
			}
		}
		c.consumers = append(c.consumers, one)
	}
	return nil
}

// dropEmpty takes out what means the same as nothing: the API shows empty metadata.
func dropEmpty(o object) {
	if m, ok := o["metadata"].(object); ok && len(m) == 0 {
		delete(o, "metadata")
	}
	if l, ok := o["identities"].([]any); ok && len(l) == 0 {
		delete(o, "identities")
	}
}

// carryOut makes the changes that were shown.
func (a *App) carryOut(ctx context.Context, api *client.ClientWithResponses, s *sync, changes []*change, wait bool) error {
	for _, c := range changes {
		if c.empty() {
			continue
		}
		g := c.want
		p := &client.ApplyConfigParams{IfMatch: new(strconv.Quote(strconv.FormatInt(c.applied.Version, 10)))}
		if c.fresh {
			body := object{keyName: g.Name}
			if g.Mode != "" {
				body["mode"] = g.Mode
			}
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			if _, err := read(api.CreateGatewayWithBody(ctx, nil, mediaJSON, bytes.NewReader(raw))); err != nil {
				return err
			}
			p.IfMatch = nil
		}
		res, err := read(api.ApplyConfigWithBody(ctx, g.Name, p, mediaJSON, s.body(g)))
		if err != nil {
			return placed(g, err)
		}
		for _, one := range c.consumers {
			if _, err := read(api.PutConsumerWithBody(ctx, g.Name, one.name, nil, mediaJSON, bytes.NewReader(one.after))); err != nil {
				return fmt.Errorf("consumer %s: %w", one.name, err)
			}
		}
		a.out.Note("Applied gateway %s%s", g.Name, versionText(res.version))
		if wait {
			if err := a.waitLive(ctx, api, g.Name, res.version); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *App) exportCommand() *cobra.Command {
	var consumers bool
	c := &cobra.Command{
		Use: "export", Short: "Write a gateway as a document that apply takes", GroupID: groupCode, Args: cobra.NoArgs,
		Long: "Writes a gateway as a document that `tollgate apply` takes, as YAML where nothing else is asked for. Secrets' values\n" +
			"and keys are in none.",
		Example: "  tollgate export --gateway shop > shop.yaml",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			api, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			raw, err := export(ctx, api, gateway, consumers)
			if err != nil {
				return err
			}
			return a.out.Value(raw, nil)
		}),
	}
	c.Flags().BoolVar(&consumers, "consumers", false, "with its consumers")
	return c
}

// export reads a gateway as a document.
func export(ctx context.Context, api *client.ClientWithResponses, gateway string, consumers bool) (json.RawMessage, error) {
	g, err := read(api.GetGateway(ctx, gateway))
	if err != nil {
		return nil, err
	}
	config, err := read(api.GetConfig(ctx, gateway))
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
	parts := [][]byte{head, bytes.TrimSpace(config.raw)}
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
				var problems [][2]string
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
