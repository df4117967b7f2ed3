// Package express has the real cmd/coredns answer over the express lane, and does to it what happens in
// a cluster, and worse.
//
//	load --UDP, TCP--> express lane --> records of a snapshot
//	                       |
//	                       +--> CoreDNS's plugins --forward--> testkit.Server
//
// Corefiles change while clients ask (reload), the program leaves (stop), clients are hostile (hard),
// connections carry many queries at a time (streams), sockets are bound in every way (sockets). Each
// time the lane's own counter shows that it was the lane that answered.
package express
