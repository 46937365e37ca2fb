// Command clidocs writes the documentation's page of all commands; it runs in
// infra/tollgate.
package main

import (
	"log"
	"os"

	"github.com/tollgate/tollgate/infra/tollgate/cli"
	"github.com/tollgate/tollgate/infra/tollgate/cli/reference"
)

func main() {
	page := reference.Page(cli.New(cli.Config{}).Root())
	if err := os.WriteFile("../../portal/docs/cli-reference.md", []byte(page), 0o644); err != nil {
		log.Fatal(err)
	}
}
