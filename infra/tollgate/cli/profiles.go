package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/profile"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
)

func (a *App) profilesCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "profiles", Short: "The portals that you are signed in to", GroupID: groupOwn,
		Long: "The portals that you are signed in to, or several organizations of one: a token belongs to one organization.\n\n" +
			"They are kept in ~/.config/tollgate/config.yaml (or $TOLLGATE_CONFIG), which only you can read. Flags win over\n" +
			"the environment, which wins over the file. Tokens are never printed.",
		Example: "  tollgate login --profile work --api-url https://portal.example.com\n  tollgate profiles\n  tollgate profiles use work --gateway shop",
	}
	parent(list, a.useProfileCommand(), a.removeProfileCommand())
	list.RunE = a.do(func(_ context.Context, cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return group(cmd, args)
		}
		return a.listProfiles()
	})
	return list
}

// shownProfile is a profile without its token.
type shownProfile struct {
	Name         string `json:"name"`
	Current      bool   `json:"current"`
	URL          string `json:"url"`
	Organization string `json:"organization,omitempty"`
	Gateway      string `json:"gateway,omitempty"`
	SignedIn     bool   `json:"signed_in"`
	Expires      string `json:"expires_at,omitempty"`
}

func (a *App) listProfiles() error {
	f, err := a.file()
	if err != nil {
		return err
	}
	current := a.chosen.Profile
	if current == "" {
		current = f.Current
	}
	if current == "" {
		current = profile.Default
	}
	items := []shownProfile{}
	for _, name := range slices.Sorted(maps.Keys(f.Profiles)) {
		p := f.Profiles[name]
		items = append(items, shownProfile{name, name == current, p.URL, p.Organization, p.Gateway, p.Token != "", p.Expires})
	}
	if len(items) == 0 && a.out.Format == show.Table {
		a.out.Note("There is no profile yet. Make one: tollgate login --api-url https://portal.example.com")
		return nil
	}
	return a.out.Value(items, func(w io.Writer) error {
		var rows [][]string
		for _, p := range items {
			mark, signed := "", "no"
			if p.Current {
				mark = "*"
			}
			if p.SignedIn {
				signed = "yes"
			}
			rows = append(rows, []string{mark, p.Name, p.URL, p.Organization, p.Gateway, signed, p.Expires})
		}
		return show.Rows(w, []string{"", "name", "portal", "organization", "gateway", "signed in", "until"}, rows)
	})
}

func (a *App) useProfileCommand() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Make a profile the one that is used, and with --gateway the gateway that it is about", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProfiles,
		RunE: a.do(func(_ context.Context, cmd *cobra.Command, args []string) error {
			f, p, err := a.existing(args[0])
			if err != nil {
				return err
			}
			f.Current = args[0]
			if cmd.Flags().Changed("gateway") {
				p.Gateway = a.chosen.Gateway
				f.Set(args[0], p)
			}
			if err := f.Write(); err != nil {
				return err
			}
			a.out.Note("Profile %s is used now: %s", args[0], p.URL)
			return nil
		}),
	}
}

func (a *App) removeProfileCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a profile; its token goes on working until it ends or is revoked", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProfiles,
		RunE: a.do(func(_ context.Context, _ *cobra.Command, args []string) error {
			f, _, err := a.existing(args[0])
			if err != nil {
				return err
			}
			delete(f.Profiles, args[0])
			if f.Current == args[0] {
				f.Current = ""
			}
			return f.Write()
		}),
	}
}

// existing finds a profile of the file.
func (a *App) existing(name string) (*profile.File, profile.Profile, error) {
	f, err := a.file()
	if err != nil {
		return nil, profile.Profile{}, err
	}
	p, ok := f.Profiles[name]
	if !ok {
		return nil, p, fault.New(fault.Missing, "see `tollgate profiles`", fmt.Sprintf("there is no profile %q", name))
	}
	return f, p, nil
}
