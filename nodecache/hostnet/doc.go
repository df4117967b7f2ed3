// Package hostnet gives the node cache its place on the node: the addresses that Pods ask, and the
// rules that keep their queries out of connection tracking. It keeps all that as desired state: to
// set the same twice is harmless, and what someone takes away is put back. If the process dies, the
// kernel takes everything back; if it hangs, the kernel takes the queries back.
//
//	Pod ---> veth --+    table inet neardns-N, which goes with our socket (package nft)
//	                |      queries to the addresses      not tracked, for 3 s at a time
//	host --> lo ----+      answers from them             not tracked, until Close
//	                |      queries of other machines     pass as if we were not here;
//	other -> eth0 --+                                    dropped at our sockets
//	machines        |      probes                        not tracked
//	                |
//	                +---> neardns0, a TUN that goes with our file: the addresses ---> the sockets
//	Probe ----------+                                                                     |
//	  ^ (package probe)                                                                   |
//	  +------- the TUN again <--- route to the address that probes come from <------------+
//
// The steps of a Host:
//
//	Open       makes the device, the addresses, and the rules for answers and probes
//	Probe      asks the sockets on the way that a Pod's packet takes
//	Intercept  takes the queries for 3 s; call it again after each good probe
//	Release    gives the queries back; answers still leave as before
//	Close      takes everything away
//
// To start, open the sockets (with IP_FREEBIND), then Open, Probe, Intercept. To stop, Release, wait
// for the last answers, then Close: nothing can be sent from an address that is gone. Two processes
// may hold the same addresses. Each has a device and a table of its own, and either may go first. A
// connection over TCP ends where it began, whatever happens to interception in between.
//
// Where the kernel or the container has no TUN, a dummy device replaces it. Its addresses live for
// 3 s and are renewed each second. Where tables have no owner, before Linux 5.12, the table of a
// dead process stays. After 3 s it intercepts nothing, and the next process deletes it. Mode says
// which of these a Host has, and why.
//
// A Leftover is what another node-local cache has left behind. A Fallback is what we leave behind
// if asked to: rules that send queries on to the cluster DNS while no process takes them.
package hostnet
