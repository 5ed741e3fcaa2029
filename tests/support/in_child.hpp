// Processes that die.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "support/catch.hpp"

namespace rtml::testing {

/// Runs `body` in a forked child, which ends with what it returns and runs no destructor of the parent's; what it throws is 99. Gives the
/// exit code, or 1000 and the signal.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (...) {
      code = 99;
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace rtml::testing
