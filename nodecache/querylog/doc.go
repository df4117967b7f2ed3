// Package querylog writes what the `log` directive asks for, off the queries' way.
//
//	Filter.Pass --> Entry --Log.Put--> queue --Log.Run--> slog.Handler
//	                            |
//	                            +--> the queue is full: dropped and counted
//
// The handler does not wait either, see package logqueue: this queue keeps the making of text off
// the queries' way, that one the reader of the log.
//
// A Filter is a server block's, a Log is the process's. Put never waits and allocates nothing;
// names and numbers turn to text in Run's goroutine only.
//
// The attributes have the names that CoreDNS 1.15.0 gives them in its JSON log (its
// plugin/log/json.go), and local_ip, flags and source beside.
package querylog
