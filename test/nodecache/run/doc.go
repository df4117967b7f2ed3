// Package run builds and runs the programs that the node cache's tests ask: nodecache itself,
// the cluster DNS (ours, with the example cluster), stock CoreDNS, and servers inside the test.
//
//	dig, Load --UDP, TCP--> nodecache --TCP--> ClusterDNS
//	                            |
//	                            +------UDP--> Fake
//
// Everything listens on free loopback ports and is ended with the test that started it.
package run
