// Package hard treats a running node cache badly, with hostile clients on one side and
// broken servers on the other, and looks at what it answers, and at what it costs.
//
//	clients, hostile or not --UDP, TCP--> nodecache --UDP, TCP--> fake servers, stock CoreDNS
//	                                          |
//	                                          +--> /metrics, /proc: panics, goroutines, memory
//
// A fake server's address of a name is made from that name, so that an answer which belongs
// to another question is seen as such. What no answer may ever hold is the address forged.
package hard
