#!/bin/sh
# Needs AssemblyScript (npm: assemblyscript).
set -e
cd "$(dirname "$0")"
asc normalize.ts -O3 --runtime incremental --noAssert -o "${1:-normalize-assemblyscript.wasm}"
