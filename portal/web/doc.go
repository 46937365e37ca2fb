// Package web holds the built web portal. Its sources are beside this file; the
// build (`make web`) writes dist, which is not in the repository. Without a build
// the package compiles all the same and Files has no page in it.
package web
