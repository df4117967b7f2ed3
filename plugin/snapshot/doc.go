// Package snapshot takes records from a file of Kubernetes objects instead of an API server.
//
//	file --look--> sight       five times a second; read at the second look that sees the same
//	     --read--> bytes       a digest tells whether anything changed
//	     --documents--> raw    one JSON text per object, from YAML or JSON
//	     --decode--> Service, EndpointSlice, Pod, ...
//	     --Translator--> contents
//	     --Writer--> zone.Store
//
// A file is served whole or not at all: nothing before the Writer changes any record.
//
// A Keeper goes the other way, for records that come from an API server, and reads its own file at a
// start:
//
//	zone.Store --due, keep--> object.ServiceOf, ... --keptWriter--> temporary file --rename--> kept file
//	kept file  --unseal, parseKept--> contents --Writer--> zone.Store, until the API server's are there
package snapshot
