// Package front puts sockets of our own beside those of CoreDNS. Both share an address
// (SO_REUSEPORT), and ours come first on every CPU (SO_INCOMING_CPU), so queries come to us. The
// lane answers what it can, and hands the rest to CoreDNS:
//
//	query --> listen.Front --> lane.Lane (by the table of the generation) --> answer
//	                              |
//	                              +--> miss: dnsserver.Server.ServeDNS --> plugins --> answer, later
//	query --> CoreDNS's own socket ---------^
//
// A front stands beside all servers of one address. A generation is what it answers with: a server,
// and the table of its server blocks. When caddy reloads, the new instance's generation takes the
// place of the old one's, and the sockets stay as they are:
//
//	new: Instance.Serve(server)      its queries come from now on
//	old: Instance.Replaced()         what was passed on to it is answered; a front whose place
//	                                 nobody took leaves, and CoreDNS's own sockets have all queries
//	end: Instance.Stop()             CoreDNS's own sockets close first, then the fronts leave
//
// No query that a socket of ours has received is lost on these ways.
//
// The package is for Linux only, as internal/listen is.
package front
