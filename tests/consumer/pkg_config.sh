#!/bin/sh
# pkg_config.sh PACKAGE PKG_CONFIG LIBDIR CXX OUTPUT SOURCE...: builds and runs sources of the consumer with what PACKAGE.pc says, and
# nothing else.
set -eu
package=$1 pkg_config=$2 libdir=$3 cxx=$4 output=$5
shift 5
cd "$(dirname "$0")"
export PKG_CONFIG_PATH="$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
# Flags are words, to be split.
# shellcheck disable=SC2046
"$cxx" -std=c++20 -O1 "$@" $("$pkg_config" --cflags "$package") -o "$output" $("$pkg_config" --libs "$package")
LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$output"
