// Package differential proves that neardns answers as the stock kubernetes
// plugin does. One API server serves random clusters to both, and both are
// asked the same questions. The few answers that differ on purpose are the
// rules in rules_test.go, each with its reason and with a test of its own.
package differential
