package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
)

// runProxy runs kube-proxy, with all of its own flags.
func runProxy(args []string) error {
	command := app.NewProxyCommand()
	command.SetArgs(args)
	return cli.RunNoErrOutput(command)
}
