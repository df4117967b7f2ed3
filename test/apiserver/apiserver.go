package main

import (
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the real program
	_ "k8s.io/component-base/metrics/prometheus/version"  // metrics of the real program
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// runAPIServer runs kube-apiserver, with all of its own flags.
func runAPIServer(args []string) error {
	command := app.NewAPIServerCommand()
	command.SetArgs(args)
	return cli.RunNoErrOutput(command)
}
