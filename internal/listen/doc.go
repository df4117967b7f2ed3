// Package listen is the front of a DNS server: sockets on one side, one function on the other.
// All it knows of DNS is the two bytes before a message on TCP.
//
//	datagrams -- recvmmsg --> batch --> Handler --> batch -- sendmmsg --> answers
//	                                       |
//	                                       +-- Client.Later --> Responder.Send (a miss),
//	                                       |                    or Part, Part, ... Send (a transfer)
//	                                       |
//	bytes ------ epoll, read --> frames --> Handler --> frames -- write --> bytes
//
// The goroutines that read sockets are the readers: one for each UDP socket, and one for all TCP
// connections. A reader waits in the Go runtime's poller, inside one call of syscall.RawConn.Read
// that lasts as long as it serves. It makes only system calls that return at once; sys.go says
// why.
//
// Buffers belong to the front. A handler may use a query during its call only, and appends its
// answer to the buffer that it gets. So an answer that is at hand costs no allocation.
//
// No client starves the others: each gets its share of a UDP socket's queue (see fair.go) and of
// a turn of the TCP reader (see askMost) before any client gets more.
//
// Every socket shares its port (SO_REUSEPORT) with the sockets of other Fronts, in this process or
// another. When the context of Front.Serve ends, the Front hands over to them and loses nothing
// of what it has received; see udpSocket.leave and tcpServer.leave. To change the addresses of
// a server, serve a Front for the new ones, and then end the context of the old one.
//
// A Front may share its port with sockets of Go's package net, as CoreDNS's are, if it takes both
// families as they do (Config.DualStack). Then it gets all that arrives, because its sockets ask for
// what arrives on their CPU and Go's do not. It may also serve on the very sockets that somebody else
// opened (Config.Given).
//
// The package is for Linux only and does not compile elsewhere. A program that must build for
// other systems imports it in a file for Linux.
package listen
