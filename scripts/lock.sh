#!/usr/bin/env bash
# Resolve every dependency anew, within pyproject.toml and package.json, and write the lock files: hashes, and no
# registry's address, so that any mirror serves.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # file, then what to resolve
  local file=$1
  shift
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --upgrade -o "$file" pyproject.toml "$@"
}

lock requirements/runtime.lock
lock requirements/dev.lock --extra dev --constraint requirements/runtime.lock
lock requirements/tools.lock --extra tools
PATH="$PWD/.venv/bin:$PATH" npm install --package-lock-only --ignore-scripts --no-audit --no-fund --silent
if grep -nE 'https?://' requirements/*.lock; then
  echo "lock: a registry's address got into a lock file" >&2
  exit 1
fi
