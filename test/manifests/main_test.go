package manifests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/image"
	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// The tests run in network and mount namespaces of their own, which are the cluster; the node
// has a further one.
//
//	the cluster                                        the node
//	  kube-apiserver, etcd, controllers  127.0.0.1       nodecache, dig
//	  coredns :53 at all addresses:                        169.254.20.10, 10.96.0.10
//	    10.244.9.1 --------------------------------- eth0  10.244.9.3
//	    and the ClusterIP of kube-dns-upstream

// api is the cluster that all tests share. Its API server does not stream lists, so clients use all
// rights that they may need.
var api *cluster.Cluster

// kubernetes is the program that the cluster consists of. It has kubectl, too.
var kubernetes string

// roots are the images' root file systems, by the names of their programs.
var roots = map[string]string{}

func TestMain(m *testing.M) {
	Enter()
	if os.Getuid() != 0 {
		fmt.Println("tests of the manifests: the containers have users, which takes root")
		os.Exit(1)
	}
	netns.Enter(syscall.CLONE_NEWNS, "mount --make-rprivate /; ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.default.accept_dad=0")
	os.Exit(inCluster(m))
}

// inCluster runs the tests once the cluster and the root file systems are there.
func inCluster(m *testing.M) int {
	dir, err := os.MkdirTemp("", "neardns-manifests-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = prepare(dir)
	}
	if api != nil {
		defer api.Stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests of the manifests:", err)
		return 1
	}
	return m.Run()
}

// prepare builds the root file systems and starts the cluster, all in dir.
func prepare(dir string) (err error) {
	if err := run.NeedDig(); err != nil {
		return err
	}
	for _, p := range image.Programs {
		roots[p.Name] = filepath.Join(dir, p.Name)
		if err := (image.Build{Source: "../..", Commit: "test"}).Root(context.Background(), p, runtime.GOARCH, roots[p.Name]); err != nil {
			return err
		}
	}
	if kubernetes, err = cluster.Build(context.Background()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	api, err = cluster.Start(ctx, filepath.Join(dir, "cluster"), cluster.Options{Binary: kubernetes, NoWatchList: true, AuditLog: true})
	if err != nil {
		return err
	}
	crd, err := os.ReadFile("testdata/ciliumlocalredirectpolicies.yaml")
	if err != nil {
		return err
	}
	return api.InstallCRD(ctx, crd)
}

// must ends the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// render renders a folder of manifests/.
func render(t testing.TB, folder string) Objects {
	t.Helper()
	o, err := Render(filepath.Join(Dir(), folder))
	must(t, err)
	return o
}
