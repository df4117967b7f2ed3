package node

import (
	"testing"
)

// outside shows that a machine behind the node's default route can't use the node cache as a
// reflector, over UDP or TCP. At a link-local address it gets no answer. At a ClusterIP kube-proxy
// sends its queries on, as without a node cache. Pods get answers, and with -answer-outside the
// machine does too.
func outside(t *testing.T, w *world) {
	for _, flag := range []string{"-answer-outside=false", "-answer-outside"} {
		c := startCache(t, flag)
		for _, over := range []string{"+notcp", "+tcp"} {
			for _, server := range []string{linkLocal, linkLocal6, clusterIP, clusterIP6} {
				want := flag == "-answer-outside"
				if got := answers(w.out, server, over); got != want {
					t.Errorf("%s: %s %s: the node cache answers a machine: %v", flag, server, over, got)
				}
				if !answers(w.a, server, over) {
					t.Errorf("%s: %s %s: the node cache does not answer a Pod", flag, server, over)
				}
				if kubeProxy := server == clusterIP || server == clusterIP6; kubeProxy {
					if got := w.out.Dig(server, web, over); got != webIP {
						t.Errorf("%s: %s %s: a machine is answered %s", flag, server, over, got)
					}
				}
			}
		}
		c.Stop()
	}
}
