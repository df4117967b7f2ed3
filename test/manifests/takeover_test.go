package manifests

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTakeOver changes the image of an official installation with the overlay's own command, and
// then upgrades it. Nothing else changes, and the API server still lets the Pods in.
func TestTakeOver(t *testing.T) {
	for overlay, test := range map[string]struct {
		objects Objects
		level   string
	}{
		"replace-coredns":        {officialCoreDNS(t), "baseline"},
		"replace-node-local-dns": {officialNodeCache(t), "privileged"},
	} {
		for _, way := range ways {
			t.Run(overlay+" after "+way, func(t *testing.T) {
				secure(t, test.level)
				c, dir := newClient(t), folder(t)
				c.install(dir, way, test.objects)
				patches := render(t, "overlays/"+overlay)
				if len(patches) != 1 {
					t.Fatalf("%d objects, expected 1", len(patches))
				}
				before := c.get(patches[0])
				for _, tag := range []string{"v1.2.3", "v1.2.4"} {
					tagged(t, dir, tag)
					kubectl(t, dir, documented(t, overlay))
					after := c.get(patches[0])
					checkImageOnly(t, before, after)
					if !strings.HasSuffix(imageOf(t, after), ":"+tag) {
						t.Errorf("image %s, expected tag %s", imageOf(t, after), tag)
					}
				}
				admitted(t, Objects{c.get(patches[0])}, test.level)
			})
		}
	}
}

// documented returns the command in the file of an overlay.
func documented(t *testing.T, overlay string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Dir(), "overlays", overlay, "kustomization.yaml"))
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "#   "); ok {
			return command
		}
	}
	t.Fatalf("overlay %s says no command", overlay)
	return ""
}

// tagged sets the tag of the images in dir.
func tagged(t *testing.T, dir, tag string) {
	t.Helper()
	path := filepath.Join(dir, "manifests", "images", "kustomization.yaml")
	text, err := os.ReadFile(path)
	must(t, err)
	text = regexp.MustCompile("newTag: .*").ReplaceAll(text, []byte("newTag: "+tag))
	must(t, os.WriteFile(path, text, 0o600))
}

// checkImageOnly fails the test if more than the image has changed.
func checkImageOnly(t *testing.T, before, after *unstructured.Unstructured) {
	t.Helper()
	was, is := imageOf(t, before), imageOf(t, after)
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

// container returns the only container of a workload.
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

func imageOf(t *testing.T, u *unstructured.Unstructured) string {
	t.Helper()
	return container(t, u)["image"].(string)
}

func setImage(t *testing.T, u *unstructured.Unstructured, to string) {
	t.Helper()
	container(t, u)["image"] = to
}
