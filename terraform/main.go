// Command terraform-provider-tollgate is the Terraform provider of Tollgate. It
// speaks protocol 6.
package main

import (
	"flag"
	"log"
	"runtime/debug"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/tollgate/tollgate/terraform/internal/provider"
)

// version is set by the build.
var version = "0.0.0-dev"

const address = "registry.terraform.io/tollgate/tollgate"

func main() {
	attach := flag.Bool("debug", false, "run for a debugger, which prints what to set for Terraform to attach")
	flag.Parse()
	debug.SetGCPercent(400) // a run is short, and its values are many
	make, err := provider.Server(version)
	if err != nil {
		log.Fatal(err)
	}
	var opts []tf6server.ServeOpt
	if *attach {
		opts = append(opts, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve(address, make, opts...); err != nil {
		log.Fatal(err)
	}
}
