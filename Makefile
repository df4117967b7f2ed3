# make run is the first thing to try; make help lists the rest.

GO       ?= go
FUZZTIME ?= 5s
COMMIT   := $(shell git describe --always --dirty 2>/dev/null)
BUILD    := $(GO) build -buildvcs=false \
	-ldflags "-s -w -X github.com/coredns/coredns/coremain.GitCommit=$(COMMIT) -X main.gitCommit=$(COMMIT)" -o build/
PROGRAMS := ./cmd/coredns
ifeq ($(shell $(GO) env GOOS),linux)
PROGRAMS += ./cmd/nodecache
NODECACHE := build/nodecache docs/nodecache.example
endif
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# One way to compile everything but the race detector's, so that it is compiled once.
export CGO_ENABLED = 0

.PHONY: build run demo-cluster image-root images test lint unit system packages fuzz bench clean help

build: ## build the programs, into build/; the node cache on Linux only
	$(BUILD) $(PROGRAMS)

run: ## serve the example cluster on 127.0.0.1:1053, cached on 1054, and show what to ask
	@echo 'Building. The first time takes some minutes.'
	@$(BUILD) $(PROGRAMS) ./test/run
	@build/run build/coredns corefile.example $(NODECACHE)

demo-cluster: packages ## as root: a cluster with kube-proxy and both programs of the manifests, and a shell in a Pod
	@$(GO) run ./test/cluster/start -build
	@$(GO) test -c -o build/demo ./test/node
	@cd test/node && NODE_DEMO=1 ../../build/demo -test.run '^TestDemo$$' -test.timeout 0

ARCH  ?= amd64,arm64
IMAGE := $(GO) run ./internal/image/make -commit $(or $(COMMIT),unknown) -arch $(ARCH)

image-root: ## build the images' root file systems, into build/image, for each of ARCH
	@$(IMAGE) -root

images: ## build archives of the images, for "ctr image import" and "kind load image-archive"
	@$(IMAGE) $(if $(TAG),-tag $(TAG))

test: lint unit system fuzz ## run all checks; the first time takes half an hour

lint: # formatting and static analysis
	@out=$$(gofmt -l .) && test -z "$$out" || { echo "gofmt would change:" $$out; exit 1; }
	$(GO) vet ./...
	cd test/apiserver && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit: packages # each package, with the race detector
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -v /test/)

system: packages # whole programs, against Kubernetes
	$(GO) run ./test/cluster/start -build
	$(GO) test -timeout 30m -p 1 $$($(GO) list ./test/... | grep -v /differential$$)
	$(GO) test -timeout 30m -count 1 -v ./test/differential

packages:
	@test/packages.sh

fuzz: ## fuzz each target for FUZZTIME, 5s if not given
	GO="$(GO)" test/fuzz.sh $(FUZZTIME)

bench: packages ## measure against stock CoreDNS, unbound and dnsmasq
	$(GO) run ./test/bench

clean: ## remove what was built
	rm -rf build

help: ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
