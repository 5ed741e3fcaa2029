#!/usr/bin/env bash
# Kills a service a thousand times, at events and at file operations, and compares each end with that of one that never was killed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need "${build_packages[@]}" "${test_packages[@]}"
build rtml_test_loop
RTML_CRASHES=${1:-1000} exec "$build/tests/rtml_test_loop" "[crash]" --durations yes
