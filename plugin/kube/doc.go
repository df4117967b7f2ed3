// Package kube fills a zone from a Kubernetes API server and keeps it current.
//
//	API server
//	    |  list or watch, one resource each           access.go, client.go, request.go
//	    v
//	cache.Reflector   object by object, never a list of objects
//	    |  Replace, Add, Update, Delete
//	    v
//	store             object.Translator makes a record, the object is dropped
//	    |
//	    v
//	zone.Writer
//
// A Reflector lists its resource, then watches it from there on. It lists again whenever
// the watch can't go on where it ended, and what the new list lacks is deleted; so no
// event that was missed stays missed. Where the server can stream a list (KEP-3157), the
// Reflector collects it in a store of its own, which holds records too, as store is a
// cache.TransformingStore. Elsewhere request.list fetches pages.
//
// One object or page is decoded at a time, so a sync takes little more memory than what
// stays: 33 MB beside the program's text for 100,000 endpoints, where 29 MB stay. A lower
// GOGC meanwhile would save 8 MB for half as much CPU again, giving the rest back at its
// end 4 MB, so the garbage collector is left alone.
//
// Nothing above this package knows client-go.
package kube
