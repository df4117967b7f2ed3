// Package hostile is clients that treat a DNS server badly, and beside them others that do no harm. The
// tests of both fronts have them ask.
//
//	streams    connections that send anything but queries, or don't read their answers
//	idle       connections that ask nothing
//	junk       datagrams that no client should send
//	others     clients that must have their answers all the while
package hostile
