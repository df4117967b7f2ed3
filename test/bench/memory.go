package main

import (
	"context"

	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/cluster"
)

// measureMemory starts each server three times, in turn. It adds rows for the resident memory: the
// most during the sync, and afterwards.
func measureMemory(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	var peak, after [2][]float64
	for range 3 {
		for i, who := range contenders {
			s, err := startServer(ctx, dir, who, c, "")
			if err != nil {
				return err
			}
			high, err := s.Memory("VmHWM")
			if err != nil {
				return err
			}
			now, err := s.Memory("VmRSS")
			if err != nil {
				return err
			}
			s.Stop()
			peak[i], after[i] = append(peak[i], high), append(after[i], now)
		}
	}
	t.add(row{what: "resident at most while syncing, MB", ours: gauge.Median(peak[0]), stock: gauge.Median(peak[1]), most: 0.5})
	t.add(row{what: "resident after the sync, MB", ours: gauge.Median(after[0]), stock: gauge.Median(after[1])})
	return nil
}
