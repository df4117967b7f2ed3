// Package logqueue stands between those who log and a reader who may not read.
//
//	whoever logs --Put, Write--> Queue --one goroutine at a time--> a file, a pipe, a logger
//	                               |
//	                               +--> full, or not to be written: dropped and counted
//
// Nobody who logs waits: a pipe that nobody reads (write(2) blocks once 64 KiB are in it) holds
// up that one goroutine only.
package logqueue
