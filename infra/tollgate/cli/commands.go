package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// commands are all of the user's commands. A new one is hung here.
func (a *App) commands() []*cobra.Command {
	keys, hooks := keyKind(), webhookKind()
	return []*cobra.Command{
		a.applyCommand(),
		a.diffCommand(),
		a.exportCommand(),
		a.validateCommand(),
		a.kindCommand(gatewayKind()),
		a.kindCommand(upstreamKind()),
		a.kindCommand(routeKind()),
		a.kindCommand(consumerKind()),
		a.kindCommand(usagePlanKind()),
		a.kindCommand(keys, a.rotateCommand(keys), a.revokeCommand(keys)),
		a.kindCommand(domainKind()),
		a.kindCommand(a.secretKind()),
		a.kindCommand(hooks, a.testWebhookCommand(hooks), a.rotateWebhookCommand(hooks)),
		a.importCommand(),
		a.usageCommand(),
		a.logsCommand(),
		a.explainCommand(),
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
