# Everything starts here; on a fresh machine Python 3.12 or newer and make are enough.

# The first of these that is new enough is taken, unless PYTHON names one.
CANDIDATES = $(or $(PYTHON),python3.13 python3.12 python3.14 python3 python)
SUITABLE   = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))
# Asked by running each: a name on the PATH may be a pyenv shim for a version that is not switched on.
FOUND      = $(shell for name in $(CANDIDATES); do \
               "$$name" -c '$(SUITABLE)' >/dev/null 2>&1 && { echo "$$name"; exit; }; done)
INSTEAD    = $(shell for name in $(CANDIDATES); do \
               "$$name" -c 'import sys; print("%s is Python %s" % (sys.argv[1], sys.version.split()[0]))' "$$name" \
               2>/dev/null && exit; done; echo "there is none here")
TOO_OLD    = lp-authorize needs Python 3.12 or newer with its venv module, but $(INSTEAD): \
             install one, or name it with `make PYTHON=/path/to/python3.13`

PIP    = .venv/bin/python -m pip --disable-pip-version-check --quiet
PYTEST = .venv/bin/pytest

.PHONY: help demo play test check bench docs clean lock
.DEFAULT_GOAL = help

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name what; do \
	  printf '  make %-7s %s\n' "$$name" "$$what"; done

demo: .venv/installed  ## see a recorded login session judged in the terminal
	@.venv/bin/mitmdump -q -s addon/lp_authorize.py -nr captures/demo.flow --set lp_config=captures/lp-authorize.yaml

play: .venv/installed  ## a simulated Sentinel, a small app and the proxy, to click through
	@.venv/bin/python -m play

test: check  ## make check, then every test
	$(PYTEST) -m 'not alone' --numprocesses auto --dist worksteal
	$(PYTEST) -m alone

check: .venv/installed  ## lint, format and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: .venv/installed  ## measure against mitmproxy's own readers, in a quarter of an hour (more with SIZE=megabytes)
	.venv/bin/python -m bench $(if $(SIZE),--size $(SIZE))

docs: .venv/installed  ## make rules/README.md from the rule files
	.venv/bin/lp-authorize rules --markdown > rules/README.md

clean:  ## remove all that these commands have made
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find addon tests -name __pycache__ -type d -prune -exec rm -rf {} +
	find addon -name '*.so' -delete
	rm -rf addon/lp_sentinel/rules/tried.msgpack tests/node/node_modules

lock:  ## pin the newest allowed packages in requirements.lock
	$(if $(FOUND),,$(error $(TOO_OLD)))
	@rm -rf .venv/lock && $(FOUND) -m venv .venv/lock && .venv/lock/bin/python -m pip --quiet install uv
	.venv/lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.12 \
	  --all-extras --group dev --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements.lock
	@rm -rf .venv/lock

# A virtual environment that still works is kept: others may be using it.
.venv/installed: pyproject.toml requirements.lock hatch_build.py rules/rule.schema.json $(wildcard rules/*.yaml) \
                 $(shell find addon -name '*.pyx' -o -name '*.pxd')
	$(if $(FOUND),,$(error $(TOO_OLD)))
	@.venv/bin/python -c '$(SUITABLE)' 2>/dev/null || $(FOUND) -m venv --clear .venv
	@echo 'Installing the pinned packages into .venv ...'
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
# Where Python may write no bytecode when it runs, each start would compile all of the package.
	@.venv/bin/python -m compileall -q addon
	@.venv/bin/python -c 'import lp_sentinel.captures.skip' 2>/dev/null || \
	  echo 'No C compiler is at hand: all works, but large flow files take a few times as long.'
	@touch $@
