#!/usr/bin/env bash
# Runs every fuzzer for so many executions (10 million), one after the other; what one finds, and what it learned, stays in build/asan/fuzz/found.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need "${build_packages[@]}" "${test_packages[@]}" clang libclang-rt-14-dev
preset=asan build=$root/build/asan
fuzzers=$(find "$root/fuzz" -name '*_fuzz.cpp' -exec basename {} .cpp \; | sort)
# shellcheck disable=SC2046
build $(sed 's/^/rtml_fuzz_/' <<<"$fuzzers")
for name in $fuzzers; do
  corpora=("$build/fuzz/found/$name")
  [ -d "$root/fuzz/corpus/$name" ] && corpora+=("$root/fuzz/corpus/$name")
  mkdir -p "${corpora[0]}"
  say "$name"
  "$build/fuzz/rtml_fuzz_$name" -runs="${1:-10000000}" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 "${corpora[@]}"
done
