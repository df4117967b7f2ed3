package main

import (
	"context"

	"github.com/neardns/neardns/test/cluster"
)

// measureMemory starts each server three times, in turn, and adds rows for what it had
// resident at most while it synced, and after.
func measureMemory(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	var peak, after [2][]float64
	for range 3 {
		for i, who := range contenders {
			s, err := startServer(ctx, dir, who, c)
			if err != nil {
				return err
			}
			high, err := s.memory("VmHWM")
			if err != nil {
				return err
			}
			now, err := s.memory("VmRSS")
			if err != nil {
				return err
			}
			s.stop()
			peak[i], after[i] = append(peak[i], high), append(after[i], now)
		}
	}
	t.add(row{what: "resident at most while syncing, MB", ours: median(peak[0]), stock: median(peak[1]), most: 0.5})
	t.add(row{what: "resident after the sync, MB", ours: median(after[0]), stock: median(after[1])})
	return nil
}
