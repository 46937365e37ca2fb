// Package profile finds which portal the command line talks to, as whom, and about
// which gateway: from flags, else the environment, else the profile chosen in the
// configuration file.
//
// The file ($XDG_CONFIG_HOME/tollgate/config.yaml, else ~/.config) holds tokens, so
// it is written with mode 0600 and refused where others may read it. It is replaced
// whole, by renaming, so that no reader sees half of one.
package profile
