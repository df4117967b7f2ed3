// Package forward runs what one `forward` directive makes: it keeps the servers right, and leaves
// out those that send queries back to this node cache.
//
//	corefile.Forward --lookup--> servers: addresses, files, host names
//	                                |
//	                                +-- those that loop, by WatchLoops
//	                                v
//	resolve --Exchange--> Forward --> upstream.Forward --> a server
//
// Servers in files and behind hosts' names are looked up again every 5 s. Package upstream itself
// keeps up with the servers that it finds for `follow`.
//
// The stock plugin loop ends the process when it finds that an upstream leads back to it, and the
// node has no DNS then. Here, only that upstream is set aside, and only for as long as it loops.
package forward
