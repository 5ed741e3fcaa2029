# Shared by the scripts beside it; source it, do not run it. What it says goes to standard error: standard output is the program's.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=${RTML_PRESET:-release}
build=$root/build/$preset

say() { printf 'rtml: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# What Debian calls what a build needs.
build_packages=(cmake ninja-build g++ libeigen3-dev libxtensor-dev libfmt-dev libxxhash-dev libzstd-dev liblmdb-dev libcli11-dev nlohmann-json3-dev)
test_packages=(catch2 libbenchmark-dev pkg-config)

is_there() {  # PACKAGE: a tool counts wherever it came from, a library as its package
  case $1 in
    cmake) command -v cmake ;;
    ninja-build) command -v ninja ;;
    g++) command -v "${CXX:-c++}" ;;
    git | ccache | clang | clang-tidy | clang-format | pkg-config) command -v "$1" ;;
    *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
  esac >/dev/null
}

# Installs what is missing of the packages named, and says so; nothing when all is there.
need() {
  local package missing=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    die "this system has no apt. Install what Debian calls: $*
      then: cmake --preset $preset && cmake --build --preset $preset && ctest --preset $preset"
  fi
  for package in "$@"; do
    is_there "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing, and only root or sudo can install them: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  quietly "${as_root[@]}" apt-get update
  quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  for package in "${missing[@]}"; do
    is_there "$package" || die "apt installed $package, yet it is not there"
  done
}

# Runs a command; its output is shown only when it fails.
quietly() {
  local output
  if ! output=$("$@" 2>&1); then
    printf '%s\n' "$output" >&2
    die "failed: $*"
  fi
}

# Configures the preset, with the array configure_options on top, and builds the targets named, or everything.
configure_options=()
build() {
  local version target=()
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p')
  if [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" != 3.25 ]; then
    die "cmake is $version, 3.25 or newer is needed"
  fi
  [ $# -gt 0 ] && target=(--target "$@")
  (cd "$root" && quietly cmake --preset "$preset" "${configure_options[@]}")
  say "building in $build"
  cmake --build "$build" --parallel "$(nproc)" "${target[@]}" ${CI:+-- -k 0} >&2 || die "the build failed"
}

# What ctest's JUnit file says, a Catch2 program counted by its cases and anything else as one: prints "PASSED FAILED".
count_tests() {
  awk '
    function number_before(word) { return match($0, "[0-9]+ " word) ? substr($0, RSTART) + 0 : 0 }
    /<testcase / { ran = /status="run"/; fell = /status="fail"/; good = bad = 0 }
    /^All tests passed \(/ { good += number_before("test case") }
    /^test cases: / { good += number_before("passed"); bad += number_before("failed") }
    /<\/testcase>/ {
      if (fell && bad == 0) bad = 1
      if (ran && good == 0) good = 1
      passed += good
      failed += bad
    }
    END { print passed + 0, failed + 0 }
  ' "$1"
}

# Runs ctest of the preset, as many at once as `parallel` says, and says what was skipped; further arguments are ctest's. Sets tests_passed and tests_failed. Returns ctest's verdict.
run_tests() {
  local verdict=0 junit=$build/tests.xml
  rm -f "$junit"
  (cd "$root" && ctest --preset "$preset" --parallel "${parallel:-$(nproc)}" --no-tests=error --output-junit "$junit" \
    --test-output-size-passed 4194304 "$@") || verdict=$?  # whole, for the counts and what was skipped
  tests_passed=0 tests_failed=1
  if [ -f "$junit" ]; then
    grep -oE 'skipped: .*' "$junit" | sed 's/&quot;/"/g' | sort -u
    read -r tests_passed tests_failed < <(count_tests "$junit")
  fi
  return "$verdict"
}
