// Package kube fills a zone from a Kubernetes API server and keeps it current.
//
//	API server
//	    |  list or watch, one resource each           access.go, client.go
//	    v
//	cache.Reflector   object by object, never a list of objects
//	    |  Replace, Add, Update, Delete
//	    v
//	store             object.Translator makes a record, the object is dropped
//	    |
//	    v
//	zone.Writer
//
// A Reflector lists its resource, then watches it from there on. It lists again whenever the
// watch can't go on where it ended, and deletes what the new list lacks. It also does so if a
// comparison of all versions shows that the watch has missed something (resync.go), and it watches
// anew if the watch is silent (watch.go). So an event that was missed does not stay missed.
//
// If the server can stream a list (KEP-3157), the Reflector collects it in a store of its own. That
// holds records too, as store is a cache.TransformingStore. From other servers, client.list fetches
// pages.
//
// One object or page is decoded at a time, so a sync takes little more memory than stays in use:
// 33 MB beside the program's text for 100,000 endpoints, of which 29 MB stay. A lower GOGC during
// the sync would save 8 MB and cost half as much CPU again. Freeing memory at its end would save
// 4 MB. So we leave the garbage collector alone.
//
// No package above this one knows client-go.
package kube
