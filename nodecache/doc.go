// Package nodecache is the caching resolver of a node. It runs on Linux only.
//
//	                       flags (Config), Corefile
//	run.go                   | read at start, and again when the file changes
//	                         v
//	build.go               builder --> generation: what one Corefile makes      generation.go
//	                         |           caches, forwards, hosts files          keep.go
//	                         v           pass from one to the next
//	service.go             service: one generation at work
//	                         |-- sockets                                        listen.go
//	                         |-- resolver      package resolve, where a query's way is drawn
//	                         +-- HTTP pages    packages admin, metrics, probe
//	beside it
//	  selfcheck              asks whether each of our sockets answers
//	  intercept              takes the node's queries while they all answer
//	  probe                  tells the kubelet whether they answer
//
// Run starts all of it, and joins all of it.
package nodecache
