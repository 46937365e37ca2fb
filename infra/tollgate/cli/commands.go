package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// commands are all of the user's commands. A new one is hung here.
func (a *App) commands() []*cobra.Command {
	return []*cobra.Command{
		parent(&cobra.Command{Use: "secrets", Short: "Values that policies and upstreams refer to", GroupID: groupObjects}),
		a.loginCommand(),
		a.profilesCommand(),
		a.versionCommand(),
	}
}

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", GroupID: groupOwn, Args: cobra.NoArgs,
		RunE: a.do(func(context.Context, *cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.cfg.Out, a.cfg.Version)
			return err
		}),
	}
}
