package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdQuota is how large the database may grow. A test that rewrites thousands
// of large objects reaches the default of 2 GiB before the API server has
// compacted their history.
const etcdQuota = 8 << 30

// runEtcd runs a single-member etcd until a signal ends it.
func runEtcd(args []string) error {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dir := flags.String("data-dir", "", "directory of the database")
	listen := flags.String("listen-client-url", "http://127.0.0.1:2379", "where clients connect")
	if err := flags.Parse(args); err != nil {
		return err
	}

	cfg, err := etcdConfig(*dir, *listen)
	if err != nil {
		return err
	}
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("starting etcd: %w", err)
	}
	defer etcd.Close()

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	select {
	case <-signals:
		return nil
	case err := <-etcd.Err():
		return fmt.Errorf("serving etcd: %w", err)
	}
}

// etcdConfig is the configuration of a single member, whose data may be lost if
// the machine goes down.
func etcdConfig(dir, listen string) (*embed.Config, error) {
	client, err := url.Parse(listen)
	if err != nil {
		return nil, fmt.Errorf("parsing client URL: %w", err)
	}
	// There are no peers, so any free port does for them.
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}

	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.ListenClientUrls = []url.URL{*client}
	cfg.AdvertiseClientUrls = []url.URL{*client}
	cfg.ListenPeerUrls = []url.URL{peer}
	cfg.AdvertisePeerUrls = []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.QuotaBackendBytes = etcdQuota
	// Without fsync, data is lost only if the machine goes down, and not if the
	// process is killed.
	cfg.UnsafeNoFsync = true
	cfg.LogLevel = "warn"
	return cfg, nil
}
