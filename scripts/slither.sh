#!/usr/bin/env bash
# Slither over contracts/, compiled by forge with the settings of foundry.toml. A finding that stays has its reason in
# the source, beside a `slither-disable` comment.
set -euo pipefail
cd "$(dirname "$0")/.."
forge=$(ls -d node_modules/@foundry-rs/forge-*/bin 2>/dev/null | head -n 1)
[ -n "$forge" ] || { echo "slither: no forge for this machine in node_modules; run \`make setup\`" >&2; exit 1; }
PATH="$PWD/$forge:$PATH" .venv-tools/bin/slither . --config-file slither.config.json "$@"
