// Package upstream asks DNS servers.
//
//	Forward.Exchange                  one goroutine per query, the caller's
//	     |  picks a server: healthy first, then by policy; after about 100 ms another
//	     v
//	  server ------------------+   at most 4 connections, some of them for cluster names only
//	     |                     |
//	     v                     v
//	   conn                datagram
//	 TCP or TLS,           UDP, one socket
//	 many queries          per query
//	     |                     |
//	     +------> call <-------+   the first good answer is appended to the caller's buffer
//
// Three kinds of goroutines work beside the queries. tend closes connections that are idle, old
// or silent. follow looks up the servers behind a name. A health check asks each server that is
// out until it answers. A server that stays silent while a query waits gets one health check at
// once, and is out if it doesn't answer that. Forward.Close ends and joins all of them.
//
// Package wire reads and writes the messages, which are bytes. This package looks at an answer
// only to decide whether, where and how to ask again.
package upstream
