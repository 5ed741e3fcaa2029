#!/usr/bin/env bash
# clang-tidy over what changed since origin/main; over everything with RTML_TIDY=all, without an origin, when nothing or the rules
# changed. Headers of one room share one translation unit: parsing the standard library costs more than checking. With
# RTML_TIDY_MOST=N no more than N units are checked: by the commit, so that another one sees others.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need clang clang-tidy

everything() { find include src examples benchmarks -name '*.[ch]pp' | sort; }

changed_files() {
  local git=(git -c safe.directory="$root")
  { "${git[@]}" diff --name-only origin/main && "${git[@]}" ls-files --others --exclude-standard; } | sort -u | grep .
}

files=$(everything)
if [ "${RTML_TIDY:-changed}" != all ] && changed=$(changed_files 2>/dev/null) && ! grep -qE '(^|/)\.clang-tidy$' <<<"$changed"; then
  files=$(comm -12 <(printf '%s\n' "$files") <(printf '%s\n' "$changed"))
fi
if [ -z "$files" ]; then
  say "no C++ file changed: nothing for clang-tidy to do"
  exit 0
fi

units=$root/build/tidy
rm -rf "$units"
mkdir -p "$units"
list=$units/list
grep '\.cpp$' <<<"$files" | sed 's/$/ -/' >"$list" || true
for room in $(sed -n 's,^include/rtml/\([^/]*\)/.*,\1,p; s,^include/rtml/[^/]*\.hpp$,top,p' <<<"$files" | sort -u); do
  in_room="$room/"
  [ "$room" = top ] && in_room='[^/]*$'
  headers=$(grep "^include/rtml/$in_room" <<<"$files")
  unit=$units/headers_$room.cpp
  sed 's,^include/\(.*\)$,#include "\1",' <<<"$headers" >"$unit"
  printf '%s %s\n' "$unit" "($(paste -sd'|' <<<"$headers"))\$" >>"$list"
done

all=$(wc -l <"$list")
if [ "${RTML_TIDY:-changed}" != all ] && [ "$all" -gt "${RTML_TIDY_MOST:-$all}" ]; then
  commit=$(git -c safe.directory="$root" rev-parse HEAD)
  shuf -n "$RTML_TIDY_MOST" --random-source=<(yes "$commit") -o "$list" "$list"
  say "clang-tidy: $RTML_TIDY_MOST of $all units; RTML_TIDY=all checks every one"
fi

flags=(-std=c++20 -Iinclude -Isrc -DRTML_COMPILED=1)
# shellcheck disable=SC2207
flags+=($(pkg-config --cflags-only-I eigen3 2>/dev/null | sed 's/-I/-isystem /g'))
export tidy_flags="${flags[*]}"

# Two columns: what to check, and whose warnings of its headers count. All is checked whatever is found: xargs stops at 255 only.
xargs -P "$(nproc)" -L 1 bash -c '
  output=$(clang-tidy --quiet --header-filter="$2" "$1" -- $tidy_flags 2>/dev/null) || { printf "%s\n" "${output:-clang-tidy fails on $1}"; exit 1; }
' tidy <"$list" || die "clang-tidy found something"
say "clang-tidy: $(wc -l <"$list") units of $(wc -l <<<"$files") files are clean"
