#!/bin/sh
# pkg_config.sh PKG_CONFIG LIBDIR CXX OUTPUT: builds and runs the consumer with what rtml.pc says, and nothing else.
set -eu
pkg_config=$1 libdir=$2 cxx=$3 output=$4
here=$(cd "$(dirname "$0")" && pwd)
export PKG_CONFIG_PATH="$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
# Flags are words, to be split.
# shellcheck disable=SC2046
"$cxx" -std=c++20 -O1 "$here/main.cpp" "$here/other.cpp" $("$pkg_config" --cflags rtml) -o "$output" $("$pkg_config" --libs rtml)
LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$output"
