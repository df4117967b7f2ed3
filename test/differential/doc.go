// Package differential shows that neardns answers as the stock kubernetes plugin
// does, over the express lane as over CoreDNS's own way. Three programs serve the
// same random clusters and are asked the same questions:
//
//	             +--> stock
//	questions ---+--> ours, where the express lane answers most of them
//	             +--> ours with express off, whose answers must be the lane's
//
// Where stock's answers differ on purpose, a rule in rules_test.go says so; each has
// its reason and a test of its own.
package differential
