#!/usr/bin/env bash
# Installs what is missing, builds, and runs the whole loop on its embedded stream. Arguments go to rtml-loop: try --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need "${build_packages[@]}"
configure_options=(-DRTML_BUILD_TESTS=OFF -DRTML_BUILD_BENCHMARKS=OFF)
build rtml-loop
exec "$build/examples/rtml-loop" "$@"
