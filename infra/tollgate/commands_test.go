package main

import (
	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli"
)

// userCommands are the paths of all commands of the user's that do something.
func userCommands() (out []string) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, below := range c.Commands() {
			switch {
			case below.Hidden || below.Name() == "help" || below.Name() == "completion":
			case below.HasSubCommands():
				walk(below)
			default:
				out = append(out, below.CommandPath())
			}
		}
	}
	walk(cli.New(cli.Config{}).Root())
	return out
}
