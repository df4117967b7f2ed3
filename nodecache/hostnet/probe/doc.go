// Package probe asks this node's own DNS sockets on the way that a pod's query takes. It writes
// the packet of a query into a TUN device and reads the packet of the answer there. The kernel
// takes the first for a packet that has come in, and the second for one that leaves.
//
//	Path.UDP, Path.TCP: the query, behind a header of UDP or TCP, and one of IP
//	   | write
//	   v
//	 [TUN] --> prerouting --> input --> the socket at the address asked
//	   |                                        |
//	   | <-- route to Path.From <-- output <----+
//	   | read
//	   +--> the answer: from that address, to our port, with the query's ID
//	   +--> an ICMP error that quotes our packet: syscall.ECONNREFUSED
//	   +--> everything else is passed over
//
// A program with raw sockets can send packets that look like the answer, or like an ICMP error.
// They are passed over unless addresses, ports and ID match (RFC 5452, section 9.1), and an ICMP
// error unless it quotes our packet. Each probe comes from a random port, which nobody else knows.
package probe
