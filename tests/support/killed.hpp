// Processes that are killed at a system call: what is on a disk changes there alone, so whoever is killed before and after each of them
// is killed at any instruction.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "support/catch.hpp"

namespace rtml::testing {

struct Traced {
  std::uint64_t calls = 0;  // entries and exits that were seen
  bool killed = false;      // else it came to its end
  bool allowed = true;      // this system lets a process trace its child
};

/// Runs `body` in a forked child, and kills it as it enters or leaves its system call number `calls` / 2, if it makes so many.
inline Traced killed_at_call(std::uint64_t calls, const std::function<void()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(97);
    ::raise(SIGSTOP);
    try {
      body();
    } catch (...) {
      ::_exit(99);
    }
    ::_exit(0);
  }
  Traced traced;
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) {
    traced.allowed = WEXITSTATUS(status) != 97;
    REQUIRE_FALSE(traced.allowed);
    return traced;
  }
  while (WIFSTOPPED(status)) {
    if (traced.calls == calls) {
      REQUIRE(::kill(child, SIGKILL) == 0);
      REQUIRE(::waitpid(child, &status, 0) == child);
      traced.killed = true;
      break;
    }
    ++traced.calls;
    REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
    REQUIRE(::waitpid(child, &status, 0) == child);
  }
  CHECK((traced.killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
  return traced;
}

}  // namespace rtml::testing
