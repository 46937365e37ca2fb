// Package cli is the user's command line: what a person or a script does to their
// gateways, over the management API by portal/client alone. It knows no table, no
// Redis key and no service.
//
// App holds what every command needs: the profile (package profile), the client, the
// printer (package show). A command is a function of App that returns a
// *cobra.Command; the list in commands.go is where a new one is hung. Commands return
// errors; App.Execute prints them and makes them an exit code (package fault).
// What is alike for all kinds of objects is written once, over their descriptions in
// kinds.go. The operator's commands (up, edge, portal …) come from the caller.
package cli
