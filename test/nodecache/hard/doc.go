// Package hard treats a running node cache badly, with hostile clients on one side and
// broken servers on the other. The tests look at its answers and at what they cost.
//
//	clients, hostile or not --UDP, TCP--> nodecache --UDP, TCP--> testkit.Server, stock CoreDNS
//	                                          |
//	                                          +--> /metrics, /proc: panics, goroutines, memory
//
// The servers compute the address of a name from the name itself, so an answer to another
// question shows. No answer may ever hold the address forged.
package hard
