package main

import (
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

// TestExplain reads Corefiles that would start and others.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		name, corefile string
		says, refused  string // a part of it; empty for nothing at all
	}{
		{"nothing of ours", ".:53 {\n forward . 192.0.2.1\n}\n", "", ""},
		{"ours", "cluster.local:53 {\n errors\n kubernetes {\n  pods verified\n }\n}\n",
			"F:3: kubernetes: pods verified: a Pod that is terminating", ""},
		{"no cluster is asked for", ".:53 {\n kubernetes cluster.local {\n  namespaces a b\n }\n}\n",
			"F:2: kubernetes: namespaces: nothing of other namespaces is watched", ""},
		{"an option that is none", ".:53 {\n kubernetes cluster.local {\n  podz\n }\n}\n", "", "F:3 - Error during parsing: unknown property 'podz'"},
		{"another plugin's", ".:53 {\n errors\n forward .\n}\n", "", "F:3"},
		{"a directive that is none", ".:53 {\n forwardy . 192.0.2.1\n}\n", "", "F:2 - Error during parsing: Unknown directive 'forwardy'"},
		{"left out", ".:53 {\n k8s_external a.example\n}\n", "", "F:2 - Error during parsing: k8s_external is not in this program"},
		{"no end", ".:53 {\n", "", "F:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			err := explain(&out, caddy.CaddyfileInput{Filepath: "F", Contents: []byte(test.corefile), ServerTypeName: serverType})
			if test.refused == "" && err != nil || test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
				t.Errorf("%v, expected %q", err, test.refused)
			}
			if got := out.String(); test.says == "" && got != "" || !strings.Contains(got, test.says) {
				t.Errorf("%s\nlacks %q", got, test.says)
			}
		})
	}
}
