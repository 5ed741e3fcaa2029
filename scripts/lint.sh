#!/usr/bin/env bash
# The house rules that no compiler checks. lint.sh [RULE...] runs all, or those named; each prints what breaks it.
# RTML_LIBRARY names a static librtml for the rule symbols.
# shellcheck disable=SC2317
set -uo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root" || exit 1

rules=(versions ascii includes rooms symbols)
library=${RTML_LIBRARY:-$build/src/librtml.a}

sources() { find include src tests examples benchmarks fuzz -name '*.[ch]pp' | sort; }

# project(VERSION) is the version; the others follow it.
rule_versions() {
  local version header library_json verdict=0
  version=$(sed -n 's/^project(rtml VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
  header=$(sed -n 's/.*std::string_view version = "\(.*\)";/\1/p' include/rtml/version.hpp)
  macros=$(sed -n 's/^#define RTML_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/rtml/version.hpp | paste -sd.)
  library_json=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' vcpkg.json)
  [ "$header" = "$version" ] || { echo "include/rtml/version.hpp: version is $header, CMakeLists.txt says $version"; verdict=1; }
  [ "$macros" = "$version" ] || { echo "include/rtml/version.hpp: macros are $macros, CMakeLists.txt says $version"; verdict=1; }
  [ "$library_json" = "$version" ] || { echo "vcpkg.json: $library_json, CMakeLists.txt says $version"; verdict=1; }
  grep -q "^## \[\(Unreleased\] \)\?${version//./\\.}" CHANGELOG.md || { echo "CHANGELOG.md: no heading for $version"; verdict=1; }
  return $verdict
}

# Bytes beyond ASCII differ between editors and consoles: escape them.
rule_ascii() {
  ! { sources; find scripts cmake .ci -type f; find . -name CMakeLists.txt -not -path './build/*'; } | LC_ALL=C xargs grep -nP '[^\x00-\x7F]'
}

# Public headers cost every host: no formatting, streams or JSON in them. The compiled core has neither Eigen nor xtensor.
rule_includes() {
  local verdict=0
  grep -nE '#include [<"](fmt/|iostream|iomanip|sstream|regex|nlohmann/|CLI/|xxhash|zstd|lmdb)' -r include && verdict=1
  grep -nE '#include [<"](Eigen/|unsupported/Eigen/|xtensor|xtl/)' -r src && verdict=1
  grep -L '^#pragma once$' $(find include -name '*.hpp') | sed 's/$/: no #pragma once/' | grep . && verdict=1
  return $verdict
}

# A room uses the rooms below it, never one above; beside it only what docs/architecture.md names.
rule_rooms() {
  find include/rtml src -name '*.[ch]pp' | sort | xargs awk '
    BEGIN {
      split("core version", at0); split("stats", at1); split("transform learn replay drift metrics ab store checkpoint stream", at2)
      split("train serve monitor", at3); split("loop", at4); split("rtml", at5)
      for (i in at0) floor[at0[i]] = 0
      for (i in at1) floor[at1[i]] = 1
      for (i in at2) floor[at2[i]] = 2
      for (i in at3) floor[at3[i]] = 3
      for (i in at4) floor[at4[i]] = 4
      for (i in at5) floor[at5[i]] = 5
      split("learn>drift ab>metrics stream>metrics stream>learn store>transform store>checkpoint", edges)
      for (i in edges) beside[edges[i]] = 1
    }
    FNR == 1 {
      room = FILENAME
      sub(/^include\/rtml\/|^src\/[a-z_0-9]+\.[ch]pp$|^src\//, "", room)
      if (room == "") room = "core"  # directly in src/: what every kernel shares
      sub(/\/.*|\.[ch]pp$/, "", room)
      if (!(room in floor)) { print FILENAME ": no floor is known for the room " room; bad = 1 }
    }
    match($0, /^#include [<"]rtml\/[a-z_0-9]+/) {
      used = substr($0, RSTART, RLENGTH)
      sub(/.*rtml\//, "", used)
      if (!(used in floor)) { print FILENAME ":" FNR ": no floor is known for the room " used; bad = 1 }
      else if (used != room && floor[used] >= floor[room] && !((room ">" used) in beside) && !(used == "version" || (room == "version" && used == "core"))) {
        print FILENAME ":" FNR ": " room " (floor " floor[room] ") uses " used " (floor " floor[used] ")"; bad = 1
      }
    }
    END { exit bad }'
}

# A library that prints or ends the process takes both decisions from its host. Eigen's and xtensor's instances belong to the host too.
rule_symbols() {
  local verdict=0
  [ -f "$library" ] || { echo "$library is not built"; return 1; }
  nm --undefined-only "$library" 2>/dev/null | awk '{ print $2 }' | sort -u |
    grep -xE 'abort|exit|_exit|quick_exit|printf|__printf_chk|vprintf|__vprintf_chk|puts|putchar|stdout|stderr|_ZSt4(cout|cerr|clog)' |
    sed 's/^/librtml uses /' && verdict=1
  nm -C "$library" 2>/dev/null | grep -E '(^|[^a-zA-Z_:])(Eigen|xt)::' | head -n 5 && verdict=1
  return $verdict
}

verdict=0
for rule in "${@:-${rules[@]}}"; do
  if broken=$("rule_$rule"); then
    echo "lint $rule: holds"
  else
    echo "lint $rule: broken"
    printf '%s\n' "$broken"
    verdict=1
  fi
done
exit $verdict
