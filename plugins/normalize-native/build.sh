#!/bin/sh
# Needs a C compiler, such as Debian's gcc.
set -e
cd "$(dirname "$0")"
plugins="${LUMOS_PLUGINS:-../../lumos_dagster/plugins}"
cc -std=c11 -O3 -Wall -Wextra -Werror -shared -fPIC -s -I "$plugins/include" -o "${1:-normalize-native.so}" normalize.c
chmod 644 "${1:-normalize-native.so}"
