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
// Three more goroutines stand beside that: tend closes what is idle, old or silent; follow
// looks up the servers behind a name; and each server that is out is checked until it answers.
// A server that is silent while a query waits is probed: it is out if it leaves that unanswered.
// Forward.Close ends and joins them all.
//
// Messages are bytes, which package wire reads and writes. What they say matters here only
// as far as it decides whether, where and how to ask again.
package upstream
