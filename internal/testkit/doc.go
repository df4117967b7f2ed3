// Package testkit is what the tests of several packages share:
//
//	Eventually    waits for a condition
//	Name          writes a name in wire form
//	FreeAddr      finds an address, and FreePort a port, on which nothing listens
//	Server        answers DNS queries, or does to them what servers should not
//	Certificate   signed itself, for DNS over TLS
//
// Only tests and the packages below test/ import it. It builds everywhere, as the plugin does,
// but for vanish_linux.go: only the node cache's tests need a Server that vanishes.
package testkit
