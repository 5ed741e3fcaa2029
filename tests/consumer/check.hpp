#pragma once

#include <cstdio>

// Counts what holds; no test framework, as a host has none of ours.
struct Check {
  int passed = 0;
  int failed = 0;

  void operator()(bool holds, const char* what) {
    ++(holds ? passed : failed);
    if (!holds) std::printf("does not hold: %s\n", what);
  }

  int exit_code() const {
    std::printf("%d hold, %d do not\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
  }
};
