# Kua.  `make demo` shows it, `make test` checks everything; both work on a fresh machine with Go 1.26 and nothing else.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS   = linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
TIMEOUT     = 20m
FUZZTIME    = 10s
SIMTIME     = 10m
# Property tests draw the same cases each time, so that a red run is about the change in it; make fuzz draws new ones.
SEED        = 20261126
CHECKS      = 1000
BENCHTIME   = 2s

export CGO_ENABLED = 0
# The product is built and tested as it ships: without the lab's workspace.
product = GOWORK=off go

.PHONY: help build demo test check fmt vet staticcheck rules unit lab browser-deps gallery cross bench fuzz conformance clean

help:
	@echo 'make demo    play the whole walk: real laptops, a real server, real HTTP'
	@echo 'make test    everything: check, tests, stories, builds for every platform'
	@echo 'make build   bin/kua, bin/kua-server, bin/kua-verify'
	@echo 'make check   format, vet, staticcheck, import rules'
	@echo 'make gallery every page in three languages and two sizes, judged by axe-core, into lab/gallery/out'
	@echo 'make bench   speed;  make fuzz  every decoder for $(FUZZTIME), properties on new cases;  make conformance  vectors, the suite of stores, forms beside ODK'

build:
	$(product) build -trimpath -o bin/ ./fieldclient/cmd/kua ./server/cmd/kua-server ./syncproto/cmd/kua-verify

demo: build
	$(product) run ./fieldclient/cmd/walk -bin bin $(DEMO)

test: check unit lab cross

check: fmt vet staticcheck rules

fmt:
	@bad=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); test -z "$$bad" || { echo "not formatted:"; echo "$$bad"; exit 1; }

vet:
	$(product) vet ./...

staticcheck:
	$(product) run $(STATICCHECK) ./...

rules:
	$(product) test -count=1 .

drawn   = $(product) list -f '{{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{$$.ImportPath}}{{end}}{{end}}{{range .XTestImports}}{{if eq . "pgregory.net/rapid"}}{{$$.ImportPath}}{{end}}{{end}}' ./... | sort -u

unit:
	@drawn=$$($(drawn)); rest=$$($(product) list ./... | grep -vxF "$$drawn"); set -x; bad=0; \
	$(product) test -timeout $(TIMEOUT) $$drawn -rapid.seed=$(SEED) || bad=1; \
	$(product) test -timeout $(TIMEOUT) $$rest || bad=1; exit $$bad

# The lab is a module of its own and never ships: simulator, crashes, browser, end-to-end speed.
lab: browser-deps
	@if [ -f lab/go.mod ]; then \
		go vet ./lab/... && go test -timeout $(TIMEOUT) $$(go list ./lab/... | grep -v lab/browser) && \
		go test -timeout $(TIMEOUT) ./lab/browser; fi # by itself: a browser beside a crash loop is slow

# A browser and what fetches axe-core, where this machine may install them. Where not, the tests say what they skip;
# with CI=true they fail instead.
browser-deps:
	@missing=; for p in chromium node npm; do command -v $$p >/dev/null || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing:$$missing"; apt-get update -qq && apt-get install -y -qq --no-install-recommends $$(echo $$missing | sed 's/\bnode\b/nodejs/'); \
	else echo "not on this machine:$$missing. No screens are tried in a browser or judged by axe-core, or no forms compared with ODK."; fi

gallery: browser-deps
	go test -count=1 -v -timeout $(TIMEOUT) -run Gallery ./lab/browser

cross:
	@for p in $(PLATFORMS); do echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(product) build ./... || exit 1; done

bench:
	$(product) test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 2h ./...
	@if [ -f lab/go.mod ]; then go test -run '^$$' -bench . -benchtime 1x -timeout 2h ./lab/...; fi

fuzz:
	$(product) test -count=1 -timeout 2h $$($(drawn)) -rapid.checks=$(CHECKS)
	@for pkg in $$($(product) list ./...); do \
		for f in $$($(product) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(product) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done
	@if [ -f lab/go.mod ]; then go test -count=1 -v -timeout 2h -run Sim ./lab/sim -seeds 0 -budget $(SIMTIME) -first $$(date +%s); fi

# Says what was tried, what passed, and why each other case is not supported or differs.
conformance:
	$(product) test -count=1 -timeout $(TIMEOUT) ./syncproto/... ./internal/replica/...
	$(product) test -count=1 -v -run 'Case|Real|Reference' ./fieldclient/form
	go test -count=1 -v -timeout $(TIMEOUT) ./lab/oracle

clean:
	rm -rf bin
