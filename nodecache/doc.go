// Package nodecache is the caching resolver of a node.
//
//	flags, Corefile --load--> corefile.Config --build--> generation --commit--> it answers
//	       ^                                    |
//	       |                                    +-- what is kept: caches, upstream pools, hosts files
//	       +-- a changed file
//
// A query's way through it is drawn in package resolve. Run starts and joins everything.
package nodecache
