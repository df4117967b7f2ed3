// Package querylog writes what the `log` and `errors` directives ask for, without holding up a query.
//
//	Filter.Pass --> Entry --Log.Put--> queue --Log.Run--> slog.Handler
//	                            |
//	                            +--> the queue is full: dropped and counted
//
//	the error of a flight --ErrorLog.Of(Errors)--> logged at once, at most 10 a second
//	                               |
//	                               +--> counted --ErrorLog.Run--> one line a period
//
// A server block has a Filter and an Errors. The process has one Log and one ErrorLog.
//
// Put never waits and allocates nothing. Names and numbers turn into text in Run's goroutine only.
// The slog.Handler does not wait for a reader either; see package logqueue. So there are
// two queues, one behind the other: thanks to this one no query waits while text is made, and
// thanks to that one nothing waits for the reader of the log.
//
// The attributes of a query have the names that CoreDNS 1.15.0 gives them in its JSON log (its
// plugin/log/json.go). CoreDNS does not have local_ip, flags and source.
package querylog
