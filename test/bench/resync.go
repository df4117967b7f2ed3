package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/neardns/neardns/test/cluster"
)

// Media types of lists: of metadata, as `resync` asks for it, and of whole objects.
const (
	metadataList = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	wholeList    = "application/vnd.kubernetes.protobuf"
)

// measureResync adds rows for what a comparison with the API server costs that server, and what listing
// everything anew would.
func measureResync(ctx context.Context, t *table, c *cluster.Cluster) error {
	for _, l := range []struct{ what, accept string }{{"comparison (resync)", metadataList}, {"list of everything", wholeList}} {
		cpu, size, err := listCost(ctx, c, l.accept)
		if err != nil {
			return err
		}
		t.add(row{what: l.what + ", CPU of the API server, ms", ours: cpu})
		t.add(row{what: l.what + ", MB sent", ours: size})
	}
	return nil
}

// listCost returns the processor time of the API server, in milliseconds, and the megabytes that it sends
// for a list of what CoreDNS follows.
func listCost(ctx context.Context, c *cluster.Cluster, accept string) (cpu, size float64, err error) {
	const rounds = 10
	api := c.Client().CoreV1().RESTClient()
	before, err := serverCPU(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	for range rounds {
		for _, path := range []string{"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"} {
			text, err := api.Get().AbsPath(path).SetHeader("Accept", accept).DoRaw(ctx)
			if err != nil {
				return 0, 0, err
			}
			size += float64(len(text)) / 1e6 / rounds
		}
	}
	time.Sleep(time.Second) // it tidies up
	after, err := serverCPU(ctx, c)
	return (after - before) * 1000 / rounds, size, err
}

// serverCPU returns the processor time that the API server has used, in seconds.
func serverCPU(ctx context.Context, c *cluster.Cluster) (s float64, err error) {
	text, err := c.Client().CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "process_cpu_seconds_total "); ok {
			_, err := fmt.Sscan(value, &s)
			return s, err
		}
	}
	return 0, fmt.Errorf("the API server does not tell its processor time")
}
