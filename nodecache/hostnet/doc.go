// Package hostnet is the node cache's place on its node: the addresses that pods ask, and the
// rules that keep their queries out of connection tracking. All of it is state that the
// kernel takes back by itself when the process dies, and the interception also when it hangs.
//
//	pod --> veth --+   table inet neardns-N (flag owner: it goes with our socket)
//	               |     prerouting, output:  port 53 to @take4, @take6    notrack   3 s a time
//	host --> lo ---+                          port 53 from @own4, @own6    notrack   until Close
//	               |                          in by our own device         notrack
//	               |                          to them with our Mark        notrack
//	               |                          others to or from a probe's  drop      see guard.go
//	other -> eth0 -+                          from other machines: as if   accept    see outside.go
//	machines       |                          we were not here, and at
//	               |     input:               the sockets                  drop
//	 Probe --------+
//	   |           +--> neardns0 (a TUN, it goes with our file): the addresses --> the sockets
//	   +-- source address, routed into the TUN <-- answers to probes ----------------+
//
// A Host goes one way:
//
//	Open       device, addresses, rules for answers and for probes. Nothing is intercepted
//	Probe      asks the sockets on the way that a pod's packet takes
//	Intercept  queries are ours for 3 s; again after each good probe
//	Release    queries go where they went without us; answers still leave as before
//	Close      all of it is gone
//
// So at start: sockets with IP_FREEBIND, Open, Probe, Intercept. At stop: Release, drain,
// Close, because nothing can be sent from an address that is gone. Two processes may hold the
// same addresses, each with a device and a table of its own, and either may go first. A
// connection over TCP ends where it began, whatever is intercepted meanwhile: see passing.go.
//
// What someone takes away is put back. Where a kernel or a container has no TUN, a dummy
// device stands in, whose addresses live 3 s and are renewed each second; where tables have no
// owner, before Linux 5.12, the table stays behind a process that dies, with no element in its
// sets, and the next process deletes it. Mode says which it is, and why.
//
// What other node-local caches leave behind is a Leftover. A Fallback is what we leave, if
// asked to: where queries go on to while nobody intercepts them.
package hostnet
