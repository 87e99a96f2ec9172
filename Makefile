# The whole workflow, one verb a line. Another interpreter: make check PYTHON=path/to/python
PYTHON ?= python3
SANITIZERS ?= address,undefined
FUZZ_SECONDS ?= 300

RELEASE := build/dev
SANITIZED = build/$(if $(findstring thread,$(SANITIZERS)),tsan,sanitize)
TOOLS_ON_PATH := PATH="$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$$PATH"
CONFIGURE = $(TOOLS_ON_PATH) cmake -G Ninja -S . -DPython_EXECUTABLE="$$(command -v $(PYTHON))" -Wno-dev
# The sanitizers' run time comes before the interpreter; the interpreter's own leaks are not ours to report.
RUNTIME = $(if $(findstring thread,$(SANITIZERS)),libtsan.so,libasan.so)
RUN_SANITIZED = env ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
	PYTHONPATH=$(SANITIZED)/package:tests WEFT_STREAM_SCHEMAS=500 \
	LD_PRELOAD="$$($(or $(CXX),c++) -print-file-name=$(RUNTIME)) $$($(or $(CXX),c++) -print-file-name=libstdc++.so)" $(PYTHON)

.PHONY: help dev sanitized format lint types layers check test bench fuzz threads clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

dev: ## compile in place, incrementally, and link the folders into core/weft
	$(PYTHON) tools/dev_links.py
	$(CONFIGURE) -B $(RELEASE) -DCMAKE_BUILD_TYPE=Release -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$(CURDIR)/core/weft"
	$(TOOLS_ON_PATH) cmake --build $(RELEASE)

sanitized: ## compile with the sanitizers on; SANITIZERS=address,undefined or thread
	$(PYTHON) tools/dev_links.py
	$(PYTHON) tools/dev_links.py $(SANITIZED)/package
	$(CONFIGURE) -B $(SANITIZED)/cmake -DCMAKE_BUILD_TYPE=RelWithDebInfo -DWEFT_SANITIZE=$(SANITIZERS) \
		-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$(CURDIR)/$(SANITIZED)/package/weft"
	$(TOOLS_ON_PATH) cmake --build $(SANITIZED)/cmake

format: ## rewrite the sources in the project's format
	$(PYTHON) -m ruff format .

lint: ## format and lint, without changing anything
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types: dev ## mypy, strict
	$(PYTHON) -m mypy

layers: dev ## who imports whom
	PYTHONPATH=core $(PYTHON) -m pytest -q tests/test_layers.py tests/test_public_names.py

check: lint types layers sanitized ## everything: format, lint, types, layers, tests, and a short run under the sanitizers
	$(RUN_SANITIZED) -m fuzz.run --seconds 60
	$(RUN_SANITIZED) -m pytest -q tests/core tests/infill tests/fuzz tests/test_laws.py
	PYTHONPATH=core $(PYTHON) -m pytest -q

test: dev ## the tests, on the build in place
	PYTHONPATH=core $(PYTHON) -m pytest -q

bench: dev ## weft and its peers side by side; rewrites the tables of README.md
	PYTHONPATH=core $(PYTHON) -m benchmarks

fuzz: sanitized ## hostile grammars, schemas and token streams under the sanitizers; FUZZ_SECONDS=300
	$(RUN_SANITIZED) -m fuzz.run --seconds $(FUZZ_SECONDS)

threads: SANITIZERS := thread
threads: sanitized ## what threads share, under the sanitizer of data races
	$(RUN_SANITIZED) -m pytest -q tests/core/test_sharing.py tests/infill/test_sharing.py

clean: ## remove what was built
	rm -rf build core/weft/_core*.so core/weft/_core*.pyd
