// Package budget divides the memory that the process may take, so that all that clients and
// servers can make grow, grown as far as it may at the same time, still fits.
//
//	limit of the cgroup
//	 |-- the program, and what it takes at rest
//	 |-- what has no bound of its own here, such as HTTP connections
//	 |-- a sixth for the collector: garbage that it has not come to yet
//	 `-- the rest, in shares: answers kept, queries under way, those who wait for them,
//	     connections and what is kept for them, datagrams
//
// The kernel's part counts too: cgroups of version 2 count sockets and what they hold.
package budget
