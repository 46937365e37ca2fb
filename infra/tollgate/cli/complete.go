package cli

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/portal/client"
)

// completionTime bounds how long a shell waits for names.
const completionTime = 2 * time.Second

// completionNames is the most that a shell is offered.
const completionNames = 200

// completeProfiles offers the names of profiles.
func (a *App) completeProfiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	f, err := a.file()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(f.Profiles)), cobra.ShellCompDirectiveNoFileComp
}

// completeGateways offers the names of gateways. Where that fails, it offers none:
// a prompt is no place for errors.
func (a *App) completeGateways(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	if a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, _, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	res, err := c.ListGatewaysWithResponse(ctx, &client.ListGatewaysParams{Limit: new(completionNames)})
	if err != nil || res.JSON200 == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range res.JSON200.Items {
		names = append(names, res.JSON200.Items[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
