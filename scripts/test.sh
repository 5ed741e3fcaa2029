#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test. Arguments go to ctest: scripts/test.sh -R drift
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need "${build_packages[@]}" "${test_packages[@]}"
build
verdict=0
run_tests "$@" || verdict=$?
echo "$tests_passed passed, $tests_failed failed"
exit "$verdict"
