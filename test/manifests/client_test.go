package manifests

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// client applies objects as `kubectl apply --server-side` does.
type client struct {
	t       testing.TB
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
	said    warnings
}

// warnings are the warnings of the API server.
type warnings []string

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	if text != "" {
		*w = append(*w, text)
	}
}

func newClient(t testing.TB) *client {
	t.Helper()
	c := &client{t: t}
	config := api.Config()
	config.WarningHandler = &c.said
	c.dynamic = dynamic.NewForConfigOrDie(config)
	groups, err := restmapper.GetAPIGroupResources(api.Client().Discovery())
	must(t, err)
	c.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	return c
}

var _ rest.WarningHandler = (*warnings)(nil)

// of returns the client for an object.
func (c *client) of(u *unstructured.Unstructured) dynamic.ResourceInterface {
	c.t.Helper()
	kind := u.GroupVersionKind()
	m, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	must(c.t, err)
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(m.Resource)
	}
	return c.dynamic.Resource(m.Resource).Namespace(u.GetNamespace())
}

// apply applies an object, and returns it as the API server has it then. A field that the API does
// not know, or that is there twice, is an error.
func (c *client) apply(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c.t.Helper()
	text, err := json.Marshal(u.Object)
	must(c.t, err)
	force := true
	return c.of(u).Patch(context.Background(), u.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: "kubectl", FieldValidation: metav1.FieldValidationStrict, Force: &force,
	})
}

// applyAll applies objects, and the end of the test deletes them. The API server must not even
// warn.
func (c *client) applyAll(objects Objects) {
	c.t.Helper()
	c.cleanUp(objects)
	for _, u := range objects {
		if _, err := c.apply(u); err != nil {
			c.t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
	if len(c.said) > 0 {
		c.t.Errorf("the API server warns: %q", c.said)
	}
}

// cleanUp deletes objects at the end of the test.
func (c *client) cleanUp(objects Objects) {
	for _, u := range objects {
		c.t.Cleanup(func() { c.delete(u) })
	}
}

// delete deletes an object, and returns once it is gone.
func (c *client) delete(u *unstructured.Unstructured) {
	c.t.Helper()
	testkit.Eventually(c.t, fmt.Sprintf("%s %s is deleted", u.GetKind(), u.GetName()), func() bool {
		err := c.of(u).Delete(context.Background(), u.GetName(), metav1.DeleteOptions{})
		return apierrors.IsNotFound(err)
	})
}
