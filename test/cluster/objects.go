package cluster

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	mcs "sigs.k8s.io/mcs-api/config/crd"
)

// CreateNode creates a node in a zone. As long as a Pod's node does not exist,
// the controllers leave the Pod out of the EndpointSlices.
func (c *Cluster) CreateNode(ctx context.Context, name, zone string) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone},
	}}
	if _, err := c.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating node %s: %w", name, err)
	}
	return nil
}

// CreatePod creates a Pod and makes it running and ready with the given IPs, as
// a scheduler and a kubelet would. A Pod without containers gets one.
func (c *Cluster) CreatePod(ctx context.Context, pod *corev1.Pod, ips ...string) error {
	pod = pod.DeepCopy()
	if len(pod.Spec.Containers) == 0 {
		pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "none"}}
	}
	pods := c.client.CoreV1().Pods(pod.Namespace)
	created, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	created.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: readiness(true)}
	for _, ip := range ips {
		created.Status.PodIPs = append(created.Status.PodIPs, corev1.PodIP{IP: ip})
	}
	if len(ips) > 0 {
		created.Status.PodIP = ips[0]
	}
	if _, err := pods.UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("writing status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// SetPodReady makes a running Pod ready, or not ready.
func (c *Cluster) SetPodReady(ctx context.Context, namespace, name string, ready bool) error {
	pods := c.client.CoreV1().Pods(namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading pod %s/%s: %w", namespace, name, err)
	}
	pod.Status.Conditions = readiness(ready)
	if _, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("writing status of pod %s/%s: %w", namespace, name, err)
	}
	return nil
}

func readiness(ready bool) []corev1.PodCondition {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
}

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

// definition is what InstallCRD needs to know of a CustomResourceDefinition.
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
