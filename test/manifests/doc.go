// Package manifests renders what is in manifests/, and runs its containers as a kubelet would.
// Its tests apply every overlay to a real API server, and start the real programs with the
// rendered arguments, environment, ConfigMaps, user and capabilities.
//
//	manifests/overlays/X --Render--> objects --apply, strictly--> kube-apiserver
//	                                    |                              ^
//	                                    +--ContainerOf--> Container --Command--> coredns, nodecache
package manifests
