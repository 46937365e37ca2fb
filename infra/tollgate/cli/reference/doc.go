// Package reference writes the documentation's page of all commands from the commands
// themselves, so that the two can't part.
package reference
