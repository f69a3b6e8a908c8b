#!/bin/sh
# Needs Debian's clang and lld.
set -e
cd "$(dirname "$0")"
plugins="${LUMOS_PLUGINS:-../../lumos_dagster/plugins}"
work="$(mktemp -d)"
trap 'rm -r "$work"' EXIT
clang --target=wasm32 -O3 -mbulk-memory -msimd128 -Wall -Werror -I "$plugins/include" -c normalize.c -o "$work/guest.o"
wasm-ld --no-entry --strip-all "$work/guest.o" -o "${1:-normalize-core.wasm}"
chmod 644 "${1:-normalize-core.wasm}"
