// Package importertest tells tests what a gateway does with a request after an import:
// the question is not which routes there are, but which of them answers.
//
// It must be imported by tests only.
package importertest
