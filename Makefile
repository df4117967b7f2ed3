# Try `make run` first; `make help` lists the rest.

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

# Everything but the tests with the race detector is compiled in one way, so it is compiled once.
export CGO_ENABLED = 0

.PHONY: build run demo-cluster image-root images test lint unit system packages fuzz bench clean help

build: ## build the programs, into build/; the node cache on Linux only
	$(BUILD) $(PROGRAMS)

run: ## serve the example cluster on 127.0.0.1:1053, cached on 1054, and show what to ask
	@echo 'Building. The first time takes some minutes.'
	@$(BUILD) $(PROGRAMS) ./test/run
	@build/run build/coredns corefile.example $(NODECACHE)

demo-cluster: packages ## as root: start a cluster with kube-proxy and both programs, and a shell in a Pod
	@$(GO) run ./test/cluster/start -build
	@$(GO) test -c -o build/demo ./test/node
	@cd test/node && NODE_DEMO=1 ../../build/demo -test.run '^TestDemo$$' -test.timeout 0

ARCH  ?= amd64,arm64
IMAGE := $(GO) run ./internal/image/make -commit $(or $(COMMIT),unknown) -arch $(ARCH)

image-root: ## build the images' root file systems, into build/image, for each architecture in ARCH
	@$(IMAGE) -root

images: ## build archives of the images, for "ctr image import" and "kind load image-archive"
	@$(IMAGE) $(if $(TAG),-tag $(TAG))

test: lint unit system fuzz ## as root: run all checks, which takes half an hour the first time

lint: ## check formatting, and run go vet and staticcheck
	@out=$$(gofmt -l .) && test -z "$$out" || { echo "gofmt would change:" $$out; exit 1; }
	$(GO) vet ./...
	cd test/apiserver && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit: packages ## test each package, with the race detector
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -v /test/)

system: packages ## as root: test whole programs, against Kubernetes
	$(GO) run ./test/cluster/start -build
	$(GO) test -timeout 30m -p 1 $$($(GO) list ./test/... | grep -v /differential$$)
	$(GO) test -timeout 30m -count 1 -v ./test/differential

packages: # install the Debian packages that tests need
	@test/packages.sh

fuzz: ## fuzz each target for FUZZTIME, 5s if not given
	GO="$(GO)" test/fuzz.sh $(FUZZTIME)

bench: packages ## as root: measure beside stock CoreDNS, unbound and dnsmasq
	$(GO) run ./test/bench

clean: ## remove what was built
	rm -rf build

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
