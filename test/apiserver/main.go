// Command test-apiserver is the part of Kubernetes that the tests of neardns
// need, in one binary: etcd, kube-apiserver, those controllers of
// kube-controller-manager that write what DNS records are made from, kube-proxy,
// and kubectl.
//
// It runs the released code of these programs, not fakes. The package
// test/cluster builds it and runs each part as a process of its own.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "test-apiserver:", err)
		os.Exit(1)
	}
}

// run runs the part that the first argument names.
func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: test-apiserver etcd|kube-apiserver|controllers|kube-proxy|kubectl [flags]")
	}
	switch name, rest := args[0], args[1:]; name {
	case "etcd":
		return runEtcd(rest)
	case "kube-apiserver":
		return runAPIServer(rest)
	case "controllers":
		return runControllers(rest)
	case "kubectl":
		return runKubectl(rest)
	case "kube-proxy":
		return runProxy(rest)
	default:
		return fmt.Errorf("unknown command %q", name)
	}
}
