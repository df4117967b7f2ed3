package manifests

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// TestTakeOver changes the image of what the official manifests made, and nothing else, in both
// ways of `kubectl apply`. Pods that were let in before still are.
func TestTakeOver(t *testing.T) {
	for overlay, test := range map[string]struct {
		objects Objects
		level   string
	}{
		"replace-coredns":        {officialCoreDNS(t), "baseline"},
		"replace-node-local-dns": {officialNodeCache(t), "privileged"},
	} {
		t.Run(overlay, func(t *testing.T) {
			secure(t, test.level)
			c := newClient(t)
			for _, u := range test.objects {
				t.Cleanup(func() { c.delete(u) })
				_, err := c.of(u).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "kubeadm", FieldValidation: metav1.FieldValidationStrict})
				must(t, err)
			}
			patches := render(t, "overlays/"+overlay)
			if len(patches) != 1 {
				t.Fatalf("%d objects, expected 1", len(patches))
			}
			before, err := c.of(patches[0]).Get(t.Context(), patches[0].GetName(), metav1.GetOptions{})
			must(t, err)
			checkImageOnly(t, before, clientSide(t, c, patches[0]))
			after, err := c.apply(patches[0])
			must(t, err)
			checkImageOnly(t, before, after)
			admitted(t, Objects{after}, test.level)
		})
	}
}

// clientSide returns what `kubectl apply` without --server-side would make of an object that it
// has not made: a strategic merge of what the manifest says.
func clientSide(t *testing.T, c *client, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	text, err := json.Marshal(u.Object)
	must(t, err)
	after, err := c.of(u).Patch(context.Background(), u.GetName(), types.StrategicMergePatchType, text, metav1.PatchOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	must(t, err)
	return after
}

// checkImageOnly compares specs.
func checkImageOnly(t *testing.T, before, after *unstructured.Unstructured) {
	t.Helper()
	was, is := image(t, before), image(t, after)
	if was == is {
		t.Errorf("the image is %s as before", is)
	}
	a, b := before.DeepCopy(), after.DeepCopy()
	setImage(t, a, "")
	setImage(t, b, "")
	if !reflect.DeepEqual(a.Object["spec"], b.Object["spec"]) {
		t.Errorf("more than the image is changed:\n%v\n%v", a.Object["spec"], b.Object["spec"])
	}
	if !reflect.DeepEqual(a.GetLabels(), b.GetLabels()) {
		t.Errorf("labels %v, before %v", b.GetLabels(), a.GetLabels())
	}
}

// container returns the only one of a workload.
func container(t *testing.T, u *unstructured.Unstructured) map[string]any {
	t.Helper()
	list, _, err := unstructured.NestedFieldNoCopy(u.Object, "spec", "template", "spec", "containers")
	must(t, err)
	all, ok := list.([]any)
	if !ok || len(all) != 1 {
		t.Fatalf("%s: containers %v, expected one", u.GetName(), list)
	}
	return all[0].(map[string]any)
}

func image(t *testing.T, u *unstructured.Unstructured) string {
	t.Helper()
	return container(t, u)["image"].(string)
}

func setImage(t *testing.T, u *unstructured.Unstructured, to string) {
	t.Helper()
	container(t, u)["image"] = to
}
