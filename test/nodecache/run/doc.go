// Package run builds and runs programs for tests: nodecache, our CoreDNS with the example
// cluster or any other Corefile, stock CoreDNS, and whatever else a test starts beside them.
//
//	dig, Load --UDP, TCP--> nodecache --TCP--> ClusterDNS
//	                            |
//	                            +------UDP--> testkit.Server
//
// What a program prints is in its Log. It ends with the test.
package run
