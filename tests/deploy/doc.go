// Package deploy checks infra/docker and infra/compose.yaml as far as that goes
// without a container engine: both are parsed, what they name exists, and the
// built binaries run as the images' user, with the compose file's environment and
// a root file system that they can't write.
package deploy
