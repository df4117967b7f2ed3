package manifests

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Container is what a kubelet tells the container runtime to start.
type Container struct {
	Args         []string          // after the program
	Env          []string          // NAME=VALUE
	Files        map[string]string // of ConfigMaps, by path
	Host         []string          // folders of the node's that are mounted, at the same path
	Empty        []string          // folders that anybody can write to, empty at first
	User, Group  int
	Capabilities []string // such as NET_ADMIN: all that it may ever have
	ReadOnly     bool     // the root file system is
	NoEscalation bool     // no program that it executes may gain what it has not
}

// Template returns the Pod template of a Deployment or DaemonSet.
func (o Objects) Template(kind, name string) (corev1.PodTemplateSpec, error) {
	if kind == "DaemonSet" {
		var d appsv1.DaemonSet
		err := o.decode(kind, name, &d)
		return d.Spec.Template, err
	}
	var d appsv1.Deployment
	err := o.decode(kind, name, &d)
	return d.Spec.Template, err
}

// hostIP is the address of every node in these tests.
const hostIP = "192.0.2.10"

// podIP is the address of a node cache, and of the namespace that is its node.
const podIP = "10.244.9.3"

// ContainerOf returns the only container of a workload's Pod on a node. Services are the
// environment variables of the Services that the kubelet knows, such as KUBE_DNS_SERVICE_HOST.
func (o Objects) ContainerOf(kind, name, node string, services map[string]string) (*Container, error) {
	template, err := o.Template(kind, name)
	if err != nil {
		return nil, err
	}
	if n := len(template.Spec.Containers); n != 1 {
		return nil, fmt.Errorf("%s %s: %d containers, expected 1", kind, name, n)
	}
	of := template.Spec.Containers[0]
	c := &Container{Files: map[string]string{}}
	vars := map[string]string{}
	maps.Copy(vars, services)
	fields := map[string]string{"spec.nodeName": node, "status.hostIP": hostIP, "status.podIP": podIP}
	for _, e := range of.Env {
		if f := e.ValueFrom; f != nil {
			if f.FieldRef == nil || fields[f.FieldRef.FieldPath] == "" {
				return nil, fmt.Errorf("%s %s: variable %s from elsewhere", kind, name, e.Name)
			}
			e.Value = fields[f.FieldRef.FieldPath]
		}
		vars[e.Name] = e.Value
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		c.Env = append(c.Env, name+"="+vars[name])
	}
	for _, arg := range of.Args {
		c.Args = append(c.Args, expand(arg, vars))
	}
	c.secure(template.Spec.SecurityContext, of.SecurityContext)
	return c, o.mount(c, template.Spec.Volumes, of.VolumeMounts)
}

// expand replaces each $(NAME) with its value, as a kubelet does.
func expand(text string, vars map[string]string) string {
	for name, value := range vars {
		text = strings.ReplaceAll(text, "$("+name+")", value)
	}
	return text
}

// capabilities are those that container runtimes give unless a manifest drops them.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
	"SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"}

// secure reads the user that the container runs as, and its rights.
func (c *Container) secure(pod *corev1.PodSecurityContext, of *corev1.SecurityContext) {
	if pod != nil && pod.RunAsUser != nil {
		c.User, c.Group = int(*pod.RunAsUser), 0
	}
	if pod != nil && pod.RunAsGroup != nil {
		c.Group = int(*pod.RunAsGroup)
	}
	c.Capabilities = capabilities
	if of == nil {
		return
	}
	c.ReadOnly = of.ReadOnlyRootFilesystem != nil && *of.ReadOnlyRootFilesystem
	c.NoEscalation = of.AllowPrivilegeEscalation != nil && !*of.AllowPrivilegeEscalation
	if of.Capabilities == nil {
		return
	}
	if slices.Contains(of.Capabilities.Drop, "ALL") {
		c.Capabilities = nil
	}
	for _, name := range of.Capabilities.Add {
		c.Capabilities = append(slices.Clip(c.Capabilities), string(name))
	}
}

// mount reads the volumes.
func (o Objects) mount(c *Container, volumes []corev1.Volume, mounts []corev1.VolumeMount) error {
	for _, m := range mounts {
		i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			return fmt.Errorf("no volume %s", m.Name)
		}
		switch v := volumes[i]; {
		case v.ConfigMap != nil:
			if err := o.files(c, v.ConfigMap, m.MountPath); err != nil {
				return err
			}
		case v.EmptyDir != nil:
			c.Empty = append(c.Empty, m.MountPath)
		case v.HostPath != nil && v.HostPath.Path == m.MountPath:
			c.Host = append(c.Host, m.MountPath)
		default:
			return fmt.Errorf("volume %s: of a kind that is not known here", v.Name)
		}
	}
	return nil
}

// files reads a ConfigMap that is mounted at dir.
func (o Objects) files(c *Container, of *corev1.ConfigMapVolumeSource, dir string) error {
	var m corev1.ConfigMap
	if o.Find("ConfigMap", of.Name) == nil && of.Optional != nil && *of.Optional {
		return nil
	}
	if err := o.decode("ConfigMap", of.Name, &m); err != nil {
		return err
	}
	items := of.Items
	if items == nil {
		for _, key := range slices.Sorted(maps.Keys(m.Data)) {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		text, ok := m.Data[item.Key]
		if !ok {
			return fmt.Errorf("ConfigMap %s: no key %s", of.Name, item.Key)
		}
		c.Files[path.Join(dir, item.Path)] = text
	}
	return nil
}
