#!/bin/sh
# Needs componentize-py (PyPI). The result is about 18 MB, and is compiled for 20 seconds when it is installed.
set -e
cd "$(dirname "$0")"
componentize-py -d "${LUMOS_PLUGINS:-../../lumos_dagster/plugins}/wit/v2" -w transformer-plugin \
  componentize --stub-wasi app -o "${1:-normalize-python.wasm}"
