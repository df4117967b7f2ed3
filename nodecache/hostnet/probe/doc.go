// Package probe asks this node's own DNS sockets on the way that a pod's query takes. It writes
// the packet of a query into a TUN device and reads the answer's packet there: to the kernel, both
// look like the packets of a pod.
//
//	Path.UDP, Path.TCP: the query,
//	behind the headers of UDP or TCP, and IP
//	   | write
//	   v
//	[ TUN ] --> prerouting --> input --> socket at Path's to
//	   ^                                   |
//	   | read                              v
//	   +------ route to Path.From <----- output
//	   |
//	   +--> segments of this probe: the answer      everything else is passed over
//	        an ICMP error that quotes this probe: syscall.ECONNREFUSED
//
// A program with raw sockets can send packets that look like the answer, or like an ICMP error. So
// each probe comes from a random port, and only two packets end it: one from the port that it asked
// to its own port, with the query's ID (RFC 5452, section 9.1), and an ICMP error that quotes its
// packet.
package probe
