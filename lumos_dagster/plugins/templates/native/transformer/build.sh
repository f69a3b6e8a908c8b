#!/bin/sh
# Needs a C compiler.
set -e
cd "$(dirname "$0")"
shipped="$(python3 -c 'from lumos_dagster import plugins; print(plugins.__path__[0])')"
cc -std=c11 -O2 -Wall -Wextra -shared -fPIC -I "$shipped/include" -o @name@.so @ident@.c
