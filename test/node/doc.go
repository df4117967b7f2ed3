// Package node shows what the node cache does to a node, with the real parts: kube-apiserver,
// kube-proxy in both modes, CoreDNS, dig, and connection tracking. Everything runs in a network
// namespace of its own, which is the node; Pods have further ones.
//
//	                            the node
//	Pod a  10.244.1.2  ----- va 10.244.1.1                 kube-apiserver, etcd, controllers
//	       fd00:244:1::2        fd00:244:1::1              kube-proxy (nftables or iptables)
//	                                                       nodecache
//	Pod b  10.244.2.2  ----- vb 10.244.2.1                   169.254.20.10, fd00:20::10
//	       fd00:244:2::2        fd00:244:2::1                10.96.0.10, fd00:10:96::a
//
//	cluster DNS              vd 10.244.9.1                 Services
//	  Pods .2 to .8, ::2 ...    fd00:244:9::1                kube-dns           10.96.0.10
//	                                                         kube-dns-upstream  10.96.0.11
//	outside  10.244.8.9 ---- vo 10.244.8.1                   kube-dns-pods      headless
//
// The Pods of the cluster DNS are CoreDNS processes in one namespace, each at its addresses. They
// ask the API server at 10.244.9.1. "outside" answers for all other names.
package node
