// Package testkit is what the tests of several packages share: waiting for a condition, names in
// wire form and free ports. Only tests and the packages below test/ import it.
package testkit
