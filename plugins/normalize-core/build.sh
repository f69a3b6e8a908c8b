#!/bin/sh
# Needs Debian's clang and lld.
set -e
cd "$(dirname "$0")"
clang --target=wasm32 -O3 -nostdlib -mbulk-memory -msimd128 -Wall -Werror -I "${LUMOS_INCLUDE:-../../lumos_dagster/plugins/include}" \
  -Wl,--no-entry -Wl,--strip-all -o "${1:-normalize-core.wasm}" normalize.c
