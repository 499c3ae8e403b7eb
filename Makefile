# Everything a developer types. Nothing here needs more than Go, but for the
# tests that say otherwise below.

GO ?= go
TOOL = $(GO) tool -modfile=tools/go.mod
PKGS = ./...

# Where slices of the long tests begin.
START ?= 0

.PHONY: build test slice e2e-long check race fuzz bench soak timing mutate notices cross netns help

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

build: ## build the binary into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/warifu

test: ## all tests, the long ones short; downloads Go modules and uses ssh-keygen where it is installed
	$(GO) test -timeout 30m $(PKGS)

slice: ## more of the long simulations and all seeds on record, from the number START
	$(GO) test -timeout 30m ./node -sim.start=$(START) -sim.seeds=300 -sim.real=20 -sim.locked=14 -sim.places=8 -sim.ended=160 -run '^Test(Sim|SimReal|SimLocks|CrashTable|SeedsEndAsBefore)$$'
	$(GO) test -timeout 30m ./share/refresh -refresh.start=$(START) -refresh.part=2 -run '^Test(Sim|SimReal|SimLiar|CrashTable)$$'
	$(GO) test -timeout 30m ./internal/model -model.states=2000000 -run '^TestDesign$$'

# What is killed or flooded, or waits for deadlines, at full length.
e2e-long: ## the long tests of the real binary
	$(GO) test -timeout 30m ./e2e -long -rounds=6 -circles=3 -kill.every=3 -kill.start=$(START) -run '^Test(Kill|FullDiskWhile|CloneBeside|OneMember|ClocksMake|Demo)'

check: ## formatting, vet, static analysis, tidy modules
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt'd:"; echo "$$out"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) vet -tags lab,netns ./cmd/warifu ./node ./internal/p2p/... ./e2e
	cd bench && $(GO) vet ./...
	$(TOOL) staticcheck $(PKGS)
	$(GO) mod tidy -diff
	cd tools && $(GO) vet ./... && $(GO) run ./notices -check

race: ## tests under the race detector, for everything with goroutines
	$(GO) test -race -timeout 20m ./internal/boltstore ./internal/keeper ./internal/p2p/... ./node/api ./node/meet ./node/vigil ./node/inbox ./node/standing ./node/drive ./journal/... ./pairing ./cmd/...
# The lab and the simulated worlds have one goroutine: a few are enough here. What
# a daemon does at once is seen in real ones, which are built with the detector too.
	$(GO) test -race -timeout 20m ./node -sim.seeds=2 -run 'Visitor|Winner|Invitation|Guess|FoundAndSign|Restart|SilentSigner|UndoALock|Sim$$'
	$(GO) test -race -timeout 20m ./e2e -run '^Test(EveryPairSigns|InvitationsThatFail|LostDeviceHeals|TwoChangesAtOnce|WrongPassphrase|DenyClosesEverywhere)$$'

fuzz: ## every fuzz target for FUZZTIME (default 5s); with a number FUZZTURN every third
	./tools/fuzz.sh $${FUZZTIME:-5s}

bench: ## measure all parts, then protocols and daemons against our aims and tss-lib (minutes)
	$(GO) test -run '^$$' -bench . -skip Timing -benchtime 0.3s ./share/...
	$(GO) test -run '^$$' -bench '^BenchmarkSim$$' -benchtime 200x ./node
	cd bench && $(GO) test ./... && $(GO) run .

soak: ## what takes a night: all of what is long, each networked suite 20 times; needs root for netns
	$(GO) test -timeout 8h ./node -sim.seeds=20000 -sim.real=52 -sim.locked=21 -sim.ended=160 -sim.table -run 'Sim|SeedsEnd|CrashTable|Months'
	$(GO) test -timeout 8h ./share/refresh -refresh.part=1
	$(GO) test -timeout 8h ./internal/model -model.states=2000000
	$(GO) test -timeout 8h ./e2e -long -rounds=10 -circles=5 -kill.every=1
	$(GO) test -timeout 8h -count=20 ./internal/p2p/... ./node/api ./node/meet ./pairing ./cmd/warifu
	$(GO) test -timeout 12h -count=20 ./e2e -long -rounds=6 -circles=3 -kill.every=1
	$(GO) test -timeout 12h -count=20 -tags netns -run Netns ./internal/p2p/... ./e2e

timing: ## measure whether secrets show in the time that mathematics takes (2 minutes)
	$(GO) test -run '^$$' -bench Timing -benchtime $${RUNS:-20000}x ./share/internal/timing

mutate: ## take out one check after the other and see that a test misses it (long)
	cd tools && $(GO) run ./mutate

notices: ## write down the licences of everything that is linked
	cd tools && $(GO) run ./notices

cross: ## compile for the platforms that we promise
	for p in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
		echo $$p; CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/warifu || exit 1; done
	CGO_ENABLED=0 GOOS=android GOARCH=arm64 $(GO) build -ldflags=-checklinkname=0 -o /dev/null ./cmd/warifu
	GOOS=js GOARCH=wasm $(GO) build -o /dev/null ./node # a browser will be a device

netns: ## discovery, partitions and a full disk; needs root and iproute2 (minutes)
	$(GO) test -tags netns -run Netns ./internal/p2p/... ./e2e
