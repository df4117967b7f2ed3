package main

import (
	"io"
	golog "log"
	"os"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

// TestExplainWarns shows what starts, and does not do what it seems to.
func TestExplainWarns(t *testing.T) {
	for corefile, want := range map[string]string{
		".:53 {\n autopath @kubernetes\n kubernetes cluster.local\n}\n":                        "autopath @kubernetes needs `pods verified`",
		".:53 {\n autopath @kubernetes\n kubernetes cluster.local {\n  pods verified\n }\n}\n": "",
		".:53 {\n kubernetes cluster.local {\n  fallthrough a b\n }\n}\n":                      "F:3: fallthrough has no effect for a. b.",
	} {
		var log strings.Builder
		golog.SetOutput(&log)
		err := explain(io.Discard, caddy.CaddyfileInput{Filepath: "F", Contents: []byte(corefile), ServerTypeName: serverType})
		golog.SetOutput(os.Stderr)
		if got := log.String(); err != nil || want == "" && got != "" || strings.Count(got, want) != 1 && want != "" {
			t.Errorf("%q: %v, logged %q, want %q", corefile, err, got, want)
		}
	}
}

// TestExplain reads Corefiles that would start and others.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		name, corefile string
		says, refused  string // a part of it; empty for nothing at all
	}{
		{"nothing of ours", ".:53 {\n forward . 192.0.2.1\n loop\n}\n", "", ""},
		{"a forward that may lead back", ".:53 {\n errors\n forward . 192.0.2.1\n}\n", "F:3: forward without loop", ""},
		{"ours", "cluster.local:53 {\n errors\n kubernetes {\n  pods verified\n }\n}\n",
			"F:3: kubernetes: pods verified: a Pod that is terminating", ""},
		{"no cluster is asked for", ".:53 {\n kubernetes cluster.local {\n  namespaces a b\n }\n}\n",
			"F:2: kubernetes: namespaces: nothing of other namespaces is watched", ""},
		{"an option that is none", ".:53 {\n kubernetes cluster.local {\n  podz\n }\n}\n", "", "F:3 - Error during parsing: unknown property 'podz'"},
		{"another plugin's", ".:53 {\n errors\n forward .\n}\n", "", "F:3"},
		{"a directive that is none", ".:53 {\n forwardy . 192.0.2.1\n}\n", "", "F:2 - Error during parsing: Unknown directive 'forwardy'"},
		{"left out", ".:53 {\n k8s_external a.example\n}\n", "", "F:2 - Error during parsing: k8s_external is not in this program"},
		{"a snapshot that is none", ".:53 {\n kubernetes cluster.local {\n  snapshot /none\n  ttl 5\n }\n}\n", "", "F:3 - Error during parsing: /none: no such file"},
		{"a snapshot that is kept", ".:53 {\n kubernetes cluster.local {\n  snapshot /none/cluster.json keep\n }\n}\n",
			"F:2: kubernetes: snapshot FILE keep: keeps the records in a file", ""},
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
