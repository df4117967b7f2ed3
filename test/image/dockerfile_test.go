package image

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestDockerfile shows that the Dockerfile's images equal those of `make images`, except for their
// base.
func TestDockerfile(t *testing.T) {
	for name, p := range programs {
		img, err := p.Image(small(t, p.Program), "amd64", "$COMMIT")
		must(t, err)
		file, err := img.ConfigFile()
		must(t, err)
		want := file.Config
		got, copies := stage(t, name)
		if got.User != want.User || got.WorkingDir != want.WorkingDir || !slices.Equal(got.Entrypoint, want.Entrypoint) ||
			!maps.Equal(got.Labels, want.Labels) || !maps.Equal(got.ExposedPorts, want.ExposedPorts) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		if want := []string{"--from=build /src/build/image/" + name + "/$TARGETARCH/ /"}; !slices.Equal(copies, want) {
			t.Errorf("%s: copies %q, expected %q", name, copies, want)
		}
	}
}

// stage reads what a stage of the Dockerfile sets and what it copies.
func stage(t *testing.T, name string) (c v1.Config, copies []string) {
	t.Helper()
	c = v1.Config{Labels: map[string]string{}, ExposedPorts: map[string]struct{}{}}
	text := strings.ReplaceAll(string(read(t, "../../Dockerfile")), "\\\n", "")
	within := false
	for line := range strings.Lines(text) {
		what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case what == "FROM":
			within = strings.HasSuffix(rest, " AS "+name)
		case !within:
		case what == "COPY":
			copies = append(copies, rest)
		case what == "USER":
			c.User = rest
		case what == "WORKDIR":
			c.WorkingDir = rest
		case what == "ENTRYPOINT":
			must(t, json.Unmarshal([]byte(rest), &c.Entrypoint))
		case what == "EXPOSE":
			for _, port := range strings.Fields(rest) {
				c.ExposedPorts[port] = struct{}{}
			}
		case what == "LABEL":
			for label := range strings.SplitSeq(strings.TrimSuffix(rest, `"`), `" `) {
				key, value, _ := strings.Cut(strings.TrimSpace(label), `="`)
				c.Labels[key] = value
			}
		}
	}
	return c, copies
}
