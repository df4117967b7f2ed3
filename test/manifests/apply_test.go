package manifests

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// levels are the levels of Pod Security, the strictest first.
var levels = []string{"restricted", "baseline", "privileged"}

// overlays are the overlays that bring everything they need. Each has the strictest level at which
// kube-system lets its Pods in.
var overlays = map[string]string{
	"iptables-nftables": "privileged", // the host network, NET_ADMIN, a folder of the node's
	"ipvs":              "privileged",
	"link-local-only":   "privileged",
	"dual-stack":        "privileged",
	"autoscaled":        "privileged",
	"cilium":            "restricted",
	"authority-on-node": "restricted",
}

// takeOvers are the overlays that change the image of an installed workload.
var takeOvers = []string{"replace-coredns", "replace-node-local-dns"}

// TestAllOverlays shows that each overlay has tests.
func TestAllOverlays(t *testing.T) {
	found, err := os.ReadDir(filepath.Join(Dir(), "overlays"))
	must(t, err)
	for _, f := range found {
		if overlays[f.Name()] == "" && !slices.Contains(takeOvers, f.Name()) {
			t.Errorf("overlay %s is not tested", f.Name())
		}
	}
}

// TestApply applies each overlay twice. The second time changes nothing.
func TestApply(t *testing.T) {
	for overlay, level := range overlays {
		t.Run(overlay, func(t *testing.T) {
			secure(t, level)
			c := newClient(t)
			objects := render(t, "overlays/"+overlay)
			c.applyAll(objects)
			for _, u := range objects {
				before, err := c.of(u).Get(t.Context(), u.GetName(), metav1.GetOptions{})
				must(t, err)
				after, err := c.apply(u)
				must(t, err)
				if before.GetResourceVersion() != after.GetResourceVersion() {
					t.Errorf("%s %s: changed by applying it again", u.GetKind(), u.GetName())
				}
			}
			admitted(t, objects, level)
		})
	}
}

// secure sets the Pod Security level of kube-system: which Pods the API server refuses, and which
// Deployments and DaemonSets it warns about. It returns once that is in force.
func secure(t *testing.T, level string) {
	t.Helper()
	of := api.Client().CoreV1().Namespaces()
	n, err := of.Get(t.Context(), metav1.NamespaceSystem, metav1.GetOptions{})
	must(t, err)
	for _, mode := range []string{"enforce", "warn"} {
		n.Labels["pod-security.kubernetes.io/"+mode] = level
	}
	_, err = of.Update(t.Context(), n, metav1.UpdateOptions{})
	must(t, err)
	testkit.Eventually(t, "Pod Security level "+level, func() bool { return inForce(t) == level })
}

// inForce returns the level that the API server enforces.
func inForce(t *testing.T) string {
	t.Helper()
	plain := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "level-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	host := plain.DeepCopy()
	host.Spec.HostNetwork = true
	switch {
	case admit(t, host) == nil:
		return "privileged"
	case admit(t, plain) == nil:
		return "baseline"
	}
	return "restricted"
}

// admitted creates the Pods in kube-system, as the controllers would. One of them must need the
// level: at the next stricter level the API server refuses it.
func admitted(t *testing.T, objects Objects, level string) {
	t.Helper()
	for _, pod := range pods(t, objects) {
		if err := admit(t, pod); err != nil {
			t.Errorf("Pod of %s: %v", pod.GenerateName, err)
		}
	}
	stricter := slices.Index(levels, level) - 1
	if stricter < 0 {
		return
	}
	secure(t, levels[stricter])
	for _, pod := range pods(t, objects) {
		if err := admit(t, pod); apierrors.IsForbidden(err) && strings.Contains(err.Error(), "violates PodSecurity") {
			return
		}
	}
	t.Errorf("level %s would do", levels[stricter])
}

// admit asks the API server whether it would let a Pod in.
func admit(t *testing.T, pod *corev1.Pod) error {
	t.Helper()
	_, err := api.Client().CoreV1().Pods(metav1.NamespaceSystem).Create(context.Background(), pod, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

// pods returns a Pod of each Deployment and DaemonSet.
func pods(t *testing.T, objects Objects) (all []*corev1.Pod) {
	t.Helper()
	for _, u := range objects {
		if u.GetKind() != "Deployment" && u.GetKind() != "DaemonSet" {
			continue
		}
		template, err := objects.Template(u.GetKind(), u.GetName())
		must(t, err)
		template.GenerateName = u.GetName() + "-"
		all = append(all, &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec})
	}
	if len(all) == 0 {
		t.Error("no Pods")
	}
	return all
}

// TestStrict shows that the API server refuses an unknown field, also in Cilium's objects.
func TestStrict(t *testing.T) {
	c := newClient(t)
	objects := render(t, "overlays/cilium")
	for _, at := range [][]string{
		{"Deployment", "coredns", "spec", "template", "spec", "hostNetwrk"},
		{"CiliumLocalRedirectPolicy", "nodecache", "spec", "redirectFrontent"},
	} {
		u := objects.Find(at[0], at[1]).DeepCopy()
		must(t, unstructured.SetNestedField(u.Object, "x", at[2:]...))
		if _, err := c.apply(u); err == nil || !strings.Contains(err.Error(), at[len(at)-1]) {
			t.Errorf("%s: %v, expected an error about %s", at[0], err, at[len(at)-1])
			c.delete(u)
		}
	}
}

// TestSurge shows that during an update a second Pod finds room on a node beside the first.
func TestSurge(t *testing.T) {
	for overlay := range overlays {
		objects := render(t, "overlays/"+overlay)
		for _, u := range objects {
			if u.GetKind() != "DaemonSet" {
				continue
			}
			var d appsv1.DaemonSet
			must(t, objects.decode(u.GetKind(), u.GetName(), &d))
			if r := d.Spec.UpdateStrategy.RollingUpdate; r.MaxSurge.String() != "1" || r.MaxUnavailable.String() != "0" {
				t.Errorf("%s: %s: surge %s, unavailable %s", overlay, u.GetName(), r.MaxSurge, r.MaxUnavailable)
			}
			if s := d.Spec.Template.Spec; s.HostNetwork && len(s.Containers[0].Ports) > 0 {
				t.Errorf("%s: %s: ports on the host network, which the scheduler gives to one Pod only", overlay, u.GetName())
			}
		}
	}
}

// TestApplyPolicies applies the NetworkPolicies. One of them is for a namespace that the command
// line names.
func TestApplyPolicies(t *testing.T) {
	newClient(t).applyAll(render(t, "network-policies/coredns"))
	t.Cleanup(func() { kubectl(t, ".", "kubectl delete namespace team-1") })
	kubectl(t, folder(t), "kubectl create namespace team-1; kubectl apply -n team-1 -k manifests/network-policies/namespace")
	_, err := api.Client().NetworkingV1().NetworkPolicies("team-1").Get(t.Context(), "dns", metav1.GetOptions{})
	must(t, err)
}
