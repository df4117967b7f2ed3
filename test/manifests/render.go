package manifests

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Dir returns the folder manifests of this repository.
func Dir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "manifests")
}

// Objects are what a folder renders to.
type Objects []*unstructured.Unstructured

// Render returns what `kubectl apply -k dir` applies, in its order.
func Render(dir string) (Objects, error) {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // as kubectl does
	rendered, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", dir, err)
	}
	var all Objects
	for _, r := range rendered.Resources() {
		u := &unstructured.Unstructured{}
		text, err := r.MarshalJSON()
		if err == nil {
			err = u.UnmarshalJSON(text)
		}
		if err != nil {
			return nil, fmt.Errorf("render %s: %s: %w", dir, r.CurId(), err)
		}
		all = append(all, u)
	}
	return all, nil
}

// Find returns the object of a kind and name, nil if there is none.
func (o Objects) Find(kind, name string) *unstructured.Unstructured {
	i := slices.IndexFunc(o, func(u *unstructured.Unstructured) bool { return u.GetKind() == kind && u.GetName() == name })
	if i < 0 {
		return nil
	}
	return o[i]
}

// decode reads the object of a kind and name into a type of the API, which has to know all its
// fields.
func (o Objects) decode(kind, name string, into any) error {
	u := o.Find(kind, name)
	if u == nil {
		return fmt.Errorf("no %s %s", kind, name)
	}
	if err := kruntime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, into, true); err != nil {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return nil
}
