// Package snapshot takes records from a file of Kubernetes objects instead of an API server.
//
//	file --look--> sight       four times a second; read once it stays as it is
//	     --read--> bytes       a digest tells whether anything changed
//	     --documents--> raw    one JSON text per object, from YAML or JSON
//	     --decode--> Service, EndpointSlice, Pod, ...
//	     --Translator--> contents
//	     --Writer--> zone.Store
//
// A file is taken whole or not at all: everything before the Writer only looks at it.
package snapshot
