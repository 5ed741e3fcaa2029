#!/usr/bin/env bash
# Runs every fuzzer for so many executions (10 million), as many beside each other as there are processors. What one finds, and what it
# learned, stays in build/fuzz/fuzz/found; what it says, in build/fuzz/fuzz/NAME.log.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need "${build_packages[@]}" "${test_packages[@]}" clang libclang-rt-14-dev
preset=asan build=$root/build/fuzz
configure_options=(-B "$build" -DCMAKE_CXX_FLAGS_DEBUG="-O2 -g1" -DRTML_BUILD_TESTS=OFF)
fuzzers=$(find "$root/fuzz" -name '*_fuzz.cpp' -exec basename {} .cpp \; | sort)
# shellcheck disable=SC2046
build $(sed 's/^/rtml_fuzz_/' <<<"$fuzzers")

fuzz() {  # NAME RUNS
  local log=$build/fuzz/$1.log corpora=("$build/fuzz/found/$1")
  [ -d "$root/fuzz/corpus/$1" ] && corpora+=("$root/fuzz/corpus/$1")
  mkdir -p "${corpora[0]}"
  if "$build/fuzz/rtml_fuzz_$1" -runs="$2" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 \
    -artifact_prefix="${corpora[0]}/" "${corpora[@]}" >"$log" 2>&1; then
    echo "$1: $(awk '/number_of_executed_units|peak_rss_mb/ { printf "%s %s ", $1, $2 }' "$log")"
  else
    tail -n 40 "$log"
    die "$1 failed"
  fi
}
export -f fuzz say die
export root build
xargs -P "$(nproc)" -I {} bash -c "fuzz {} ${1:-10000000}" <<<"$fuzzers"
