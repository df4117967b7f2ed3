// Package differential shows that neardns answers as the stock kubernetes plugin
// does. Both serve the same random clusters and are asked the same questions.
// Where answers differ on purpose, a rule in rules_test.go says so; each has its
// reason and a test of its own.
package differential
