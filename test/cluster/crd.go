package cluster

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	mcs "sigs.k8s.io/mcs-api/config/crd"
)

// InstallMCS installs the resources of the Multi-Cluster Services API,
// ServiceImport and ServiceExport, as its module has them.
func (c *Cluster) InstallMCS(ctx context.Context) error {
	for _, crd := range [][]byte{mcs.ServiceImportCRD, mcs.ServiceExportCRD} {
		if err := c.InstallCRD(ctx, crd); err != nil {
			return err
		}
	}
	return nil
}

// definition is a CustomResourceDefinition as far as InstallCRD needs it.
type definition struct {
	Spec struct {
		Group    string
		Names    struct{ Plural string }
		Versions []struct{ Name string }
	}
}

// InstallCRD creates the CustomResourceDefinition in the YAML and waits until
// the API server serves all of its versions.
func (c *Cluster) InstallCRD(ctx context.Context, text []byte) error {
	crd, def := &unstructured.Unstructured{}, definition{}
	if err := errors.Join(yaml.Unmarshal(text, &crd.Object), yaml.Unmarshal(text, &def)); err != nil {
		return fmt.Errorf("parsing CRD: %w", err)
	}
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("making dynamic client: %w", err)
	}
	crds := client.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	})
	if _, err := crds.Create(ctx, crd, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating CRD %s: %w", crd.GetName(), err)
	}
	for _, version := range def.Spec.Versions {
		resource := schema.GroupVersionResource{
			Group: def.Spec.Group, Version: version.Name, Resource: def.Spec.Names.Plural,
		}
		if err := waitServed(ctx, client.Resource(resource)); err != nil {
			return fmt.Errorf("waiting for %s: %w", resource, err)
		}
	}
	return nil
}

// waitServed returns once a resource can be listed.
func waitServed(ctx context.Context, resource dynamic.ResourceInterface) error {
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		_, err := resource.List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil, nil
	})
}
