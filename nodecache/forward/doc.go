// Package forward runs what one `forward` directive makes: it keeps the servers right, and leaves
// out those that send queries back to this node cache.
//
//	corefile.Forward --lookup--> servers: addresses, files, hosts' names
//	                                |
//	                                +-- those that loop, by WatchLoops
//	                                v
//	resolve --Exchange--> Forward --> upstream.Forward --> a server
//
// The servers of files and hosts' names are looked up again every 5 s. Those that upstream finds
// by itself, with `follow`, it follows by itself.
//
// The stock plugin loop ends the process when it finds that an upstream leads back to it, and the
// node has no DNS then. Here, only that upstream is set aside, and only for as long as it loops.
package forward
