package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// kindCommand makes the commands of one kind of objects.
func (a *App) kindCommand(k *kind, more ...*cobra.Command) *cobra.Command {
	below := []*cobra.Command{a.listCommand(k), a.getCommand(k)}
	if k.put != nil || k.create != nil {
		below = append(below, a.createCommand(k))
	}
	if k.remove != nil {
		below = append(below, a.deleteCommand(k))
	}
	return parent(&cobra.Command{Use: k.use, Short: k.short, GroupID: groupObjects}, append(below, more...)...)
}

// at finds the client and the gateway that a kind's command is about.
func (a *App) at(ctx context.Context, k *kind) (*client.ClientWithResponses, string, error) {
	if k.global {
		c, _, err := a.client()
		return c, "", err
	}
	return a.gateway(ctx)
}

func (a *App) listCommand(k *kind) *cobra.Command {
	var limit int
	of := ""
	if !k.global {
		of = " -g shop"
	}
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List them", Args: cobra.NoArgs,
		Example: fmt.Sprintf("  tollgate %s list%s\n  tollgate %s list -o json", k.use, of, k.use),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			if limit < 0 {
				return fault.Mistake(fmt.Errorf("--limit %d: is below zero", limit))
			}
			c, gateway, err := a.at(ctx, k)
			if err != nil {
				return err
			}
			items, err := k.all(ctx, c, gateway, limit)
			if err != nil {
				return err
			}
			if len(items) == 0 && a.out.Format == show.Table {
				a.out.Note("There is no %s yet. Make one: tollgate %s create --help", k.one, k.use)
				return nil
			}
			return a.out.Value(items, func(w io.Writer) error { return k.table(w, items) })
		}),
	}
	c.Flags().IntVar(&limit, "limit", 0, "at most so many; 0: all")
	return c
}

func (k *kind) table(w io.Writer, items []json.RawMessage) error {
	var head []string
	for _, c := range k.columns {
		head = append(head, c.title)
	}
	var rows [][]string
	for _, raw := range items {
		o, err := decode(raw)
		if err != nil {
			return fmt.Errorf("read the list: %w", err)
		}
		var row []string
		for _, c := range k.columns {
			row = append(row, c.text(o))
		}
		rows = append(rows, row)
	}
	return show.Rows(w, head, rows)
}

func (a *App) getCommand(k *kind) *cobra.Command {
	return &cobra.Command{
		Use: "get " + strings.ToUpper(k.key), Short: "Show one, as YAML where nothing else is asked for", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeKind(k),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			c, gateway, err := a.at(ctx, k)
			if err != nil {
				return err
			}
			if err := checkKey(args[0]); err != nil {
				return err
			}
			res, err := read(k.get(ctx, c, gateway, args[0]))
			if err != nil {
				return err
			}
			return a.out.Value(res.raw, nil)
		}),
	}
}

func (a *App) createCommand(k *kind) *cobra.Command {
	var file string
	var replace, wait bool
	var values []*flagValue
	c := &cobra.Command{
		Use: "create [" + strings.ToUpper(k.key) + "]", Short: "Make one, of flags, of a file, or of a file with flags over it", Args: cobra.MaximumNArgs(1), Example: k.example,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.do(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			body, err := a.body(file, values)
			if err != nil {
				return err
			}
			if len(args) == 0 && file == "" && cmd.Flags().NFlag() == 0 {
				return fault.New(fault.Usage, "see `"+cmd.CommandPath()+" --help`", "say which "+k.one+" to make, by its name and flags or with --file")
			}
			if k.fileless && body["value"] == nil {
				return fault.New(fault.Usage, "give it with --value-file FILE; - is standard input", "the value is missing")
			}
			key, _ := body[k.key].(string)
			if len(args) > 0 {
				key = args[0]
			}
			c, gateway, err := a.at(ctx, k)
			if err != nil {
				return err
			}
			res, err := a.send(ctx, c, k, gateway, key, body, replace)
			if err != nil {
				return err
			}
			return a.made(ctx, c, k, gateway, key, res, wait)
		}),
	}
	if k.key == keyID {
		c.Use, c.Args = "create", cobra.NoArgs
	}
	for i := range k.flags {
		v := &flagValue{flag: &k.flags[i]}
		values = append(values, v)
		f := c.Flags().VarPF(v, v.flag.name, v.flag.short, v.flag.help)
		if v.flag.typ == "bool" {
			f.NoOptDefVal = "true"
		}
	}
	if !k.fileless {
		c.Flags().StringVarP(&file, "file", "f", "", "YAML or JSON of the object; -: standard input")
	}
	if k.put != nil && k.key != keyID {
		c.Flags().BoolVar(&replace, "replace", false, "replace the one that there is: what is not said is taken away")
	}
	if k.versioned {
		c.Flags().BoolVar(&wait, "wait", false, "wait until every live edge serves it")
	}
	return c
}

// send makes or replaces an object.
func (a *App) send(ctx context.Context, c *client.ClientWithResponses, k *kind, gateway, key string, body object, replace bool) (answer, error) {
	if replace && key == "" || k.create == nil && key == "" {
		return answer{}, fault.Mistake(fmt.Errorf("say which %s: its %s is missing", k.one, k.key))
	}
	byPath := replace || k.create == nil
	if key != "" {
		if err := checkKey(key); err != nil {
			return answer{}, err
		}
	}
	if byPath {
		delete(body, k.key) // it stands in the path
	} else if key != "" {
		body[k.key] = key
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, fmt.Errorf("encode the %s: %w", k.one, err)
	}
	taken := fault.New(fault.Refused, "replace it with --replace", fmt.Sprintf("there is a %s %q already", k.one, key))
	if !byPath {
		a, err := read(k.create(ctx, c, gateway, bytes.NewReader(raw)))
		if client.Code(err) == "name_taken" && k.put != nil && k.key != keyID {
			return a, taken
		}
		return a, err
	}
	if !replace {
		switch _, err := read(k.get(ctx, c, gateway, key)); {
		case err == nil:
			return answer{}, taken
		case client.Code(err) != "not_found":
			return answer{}, err
		}
	}
	return read(k.put(ctx, c, gateway, key, bytes.NewReader(raw)))
}

// made shows a new object, and waits for it where that is asked for.
func (a *App) made(ctx context.Context, c *client.ClientWithResponses, k *kind, gateway, key string, res answer, wait bool) error {
	if name, ok := res.body[k.key].(string); ok {
		key = name
	}
	if a.out.Format != show.Table {
		if err := a.out.Value(res.raw, nil); err != nil {
			return err
		}
	}
	done := "Made"
	if res.status == 200 {
		done = "Replaced"
	}
	a.out.Note("%s %s %s%s", done, k.one, show.Clean(key), versionText(res.version))
	if a.out.Format == show.Table && k.made != nil {
		k.made(a, res.body)
	}
	if wait {
		return a.waitLive(ctx, c, gateway, res.version)
	}
	return nil
}

func versionText(version int64) string {
	if version == 0 {
		return ""
	}
	return fmt.Sprintf(": version %d", version)
}

func (a *App) deleteCommand(k *kind) *cobra.Command {
	var yes, wait bool
	c := &cobra.Command{
		Use: "delete " + strings.ToUpper(k.key) + "...", Aliases: []string{"rm"}, Short: "Delete some", Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeKind(k),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			c, gateway, err := a.at(ctx, k)
			if err != nil {
				return err
			}
			for _, key := range args {
				if err := checkKey(key); err != nil {
					return err
				}
			}
			if err := a.confirm(ctx, yes, fmt.Sprintf("Delete %s %s?", k.one, strings.Join(args, ", "))); err != nil {
				return err
			}
			var last int64
			for _, key := range args {
				res, err := read(k.remove(ctx, c, gateway, key))
				if err != nil {
					return err
				}
				last = max(last, res.version)
				a.out.Note("Deleted %s %s%s", k.one, key, versionText(res.version))
			}
			if wait {
				return a.waitLive(ctx, c, gateway, last)
			}
			return nil
		}),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	if k.versioned && !k.global {
		c.Flags().BoolVar(&wait, "wait", false, "wait until it is gone from every live edge")
	}
	return c
}

// completeKind offers the names of a kind's objects.
func (a *App) completeKind(k *kind) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		if a.begin() != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, gateway, err := a.at(ctx, k)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		items, err := k.all(ctx, c, gateway, completionNames)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, raw := range items {
			if o, err := decode(raw); err == nil {
				names = append(names, show.Clean(textAt(o, k.key)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// checkKey refuses what would make another path of the API's: a dot segment is taken
// out of it.
func checkKey(key string) error {
	if key == "" || key == "." || key == ".." {
		return fault.Mistake(fmt.Errorf("%q is no name", key))
	}
	return nil
}
