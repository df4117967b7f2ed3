// Package listen is the front of the node cache: sockets on one side, one function on the
// other. It knows nothing of DNS but the two octets before a message on TCP.
//
//	datagrams -- recvmmsg --> batch --> Handler --> batch -- sendmmsg --> answers
//	                                       |
//	                                       +-- Client.Later --> Responder.Send (a miss)
//	                                       |
//	bytes ------ epoll, read --> frames --> Handler --> frames -- write --> bytes
//
// One goroutine serves a UDP socket, and one serves all TCP connections. Each waits in the
// Go runtime's poller, inside a single syscall.RawConn.Read that lasts as long as it serves,
// and makes only system calls that return at once; see sys_linux.go for why.
//
// Buffers belong to the front. A handler sees a query during its call only and appends its
// answer to what it is given, so that an answer at hand costs no allocation.
//
// No client starves the others: a UDP socket's queue and the loop of TCP give each its share
// first; see fair_linux.go and askMost.
//
// Every socket shares its port (SO_REUSEPORT) with those of a second Front, in this process or
// another. Front.Serve hands over to it, once its context ends, without losing what was
// received; see leave in udp_leave_linux.go and tcp_leave_linux.go. So a set of addresses is
// changed by serving a Front for the new ones, and then ending the old one's context.
package listen
