// Package probe answers the kubelet's probes: is this process live, and is it ready?
//
//	nodecache -probe live|ready --+
//	                              +-- Unix socket --> Server --+
//	nodecache -flush NAME --------+                     |      |
//	                                                    |      +--> Status --> Checkup
//	HTTP: /health, /ready ------------------------------|------+
//	                                                    +--> Flusher
//
// A probe must ask this very process. During an upgrade two processes share the ports, and an
// HTTP request may reach either. The program that the kubelet runs in our container is in our
// namespaces, and the socket's name is made from those. The name is in Linux's abstract namespace,
// unix(7), so that it leaves no file behind.
package probe
