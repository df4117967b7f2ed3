// Package kubernetes is a CoreDNS plugin, directive `kubernetes`, that answers the names of
// a Kubernetes cluster as the Kubernetes DNS specification 1.1.0 says.
//
//	Corefile -> setup -> zone.Store <- zone.Writer <- kube (API server) or snapshot (file)
//
//	query -> front -> lane -> reply.Responder -> bytes
//	           |
//	           v      what the lane passes on, and all queries where it is off (plan)
//	         ServeDNS -> reply.Responder (reads zone.Store) -> answer (records) -> reply
//	            ^                                                |
//	            +---- the server itself <- alias, 8 in a row at most (chain)
//
// With `snapshot FILE keep`, the records also go from the store into a file, and from there into the
// store of the next start, if the API server is away then (kept).
//
// It takes the place of the stock plugin of the same name: same options, same records,
// same metrics. README lists where it answers otherwise, on purpose, and test/differential
// shows it.
package kubernetes
