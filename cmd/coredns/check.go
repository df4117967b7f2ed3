package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	kubernetes "github.com/neardns/neardns/plugin"
)

const serverType = "dns"

// check reads the Corefile that the flags name, and starts nothing. It writes what CoreDNS would
// refuse, and what differs from stock CoreDNS. It returns the exit code.
func check(stdout, stderr io.Writer) int {
	input, err := caddy.LoadCaddyfile(serverType)
	if err == nil {
		err = explain(stdout, input)
	}
	if err != nil {
		fmt.Fprintln(stderr, "coredns: refused:", err)
		return 1
	}
	fmt.Fprintln(stdout, "It starts.")
	return 0
}

// explain writes what differs from stock CoreDNS. An error is what a start would stop at. It names
// file and line.
func explain(w io.Writer, input caddy.Input) error {
	defer kubernetes.FlushLog()
	blocks, err := caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), dnsserver.Directives)
	if err != nil {
		return err
	}
	heading := "Different from stock CoreDNS:\n"
	var lanes []string
	for i, b := range blocks {
		tokens := b.Tokens["kubernetes"]
		if len(tokens) == 0 {
			continue
		}
		found, err := kubernetes.Check(&caddy.Controller{
			Dispenser: caddyfile.NewDispenserTokens(input.Path(), tokens), ServerBlockIndex: i, ServerBlockKeys: b.Keys,
		}, blocks)
		if err != nil {
			return err
		}
		for _, text := range found.Differences {
			fmt.Fprintf(w, "%s  %s: kubernetes: %s\n", heading, place(input, tokens[0]), text)
			heading = ""
		}
		lanes = append(lanes, fmt.Sprintf("%s: kubernetes: %s\n", place(input, tokens[0]), found.Express))
	}
	if err := caddy.ValidateAndExecuteDirectives(input, nil, true); err != nil {
		return err
	}
	fmt.Fprint(w, strings.Join(lanes, ""))
	warnLoops(w, input, blocks)
	return nil
}

// warnLoops writes which forwards stand without loop. If their server sends a query back here, that
// one query takes all memory, in stock CoreDNS too.
func warnLoops(w io.Writer, input caddy.Input, blocks []caddyfile.ServerBlock) {
	for _, b := range blocks {
		if tokens := b.Tokens["forward"]; len(tokens) > 0 && len(b.Tokens["loop"]) == 0 {
			fmt.Fprintf(w, "%s: forward without loop: if its servers send queries back here, one query takes all memory; add loop to the block\n", place(input, tokens[0]))
		}
	}
}

// place returns FILE:LINE. A word has the name of its file only if it was imported.
func place(input caddy.Input, word caddyfile.Token) string {
	file := word.File
	if file == "" {
		file = input.Path()
	}
	return fmt.Sprintf("%s:%d", file, word.Line)
}
