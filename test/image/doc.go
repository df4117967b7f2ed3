// Package image builds the images and looks into them, and runs their programs as the manifests
// do: in a root file system of the image's alone, as its user, with its capabilities.
//
//	Root --> folder ----------------------------------> chroot, namespaces --> coredns, nodecache
//	           +--Image, Layout, Archive--> file --tar--> chroot, namespaces --> coredns, nodecache
package image
