#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "stream/temporary_file.hpp"
#include "support/catch.hpp"

namespace rtml::testing {

/// How a program ended, and what it said.
struct Ran {
  int code = -1;  ///< -1: by a signal
  std::string out;
  std::string error;
};

/// The program that an environment variable names, or nothing where the build has none: then the test is skipped, and says so.
inline const char* program_named(const char* variable) {
  const char* program = std::getenv(variable);
  if (program == nullptr) WARN("skipped: no program (set " << variable << ")");
  return program;
}

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Runs it as a shell would, to its end.
inline Ran run_program(const std::string& program, const std::string& arguments) {
  const TemporaryFile error("");
  const std::string command = program + " " + arguments + " 2>" + error.path().string();
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) ran.out.append(buffer, n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ran.error = text_of(error.path());
  return ran;
}

/// A program under way, its output thrown away; killed with the object at the latest.
class Running {
 public:
  Running(const std::string& program, const std::string& arguments) : pid_(::fork()) {
    if (pid_ != 0) return;
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    const std::string command = "exec " + program + " " + arguments;
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { kill(); }

  /// Holds it where it is. False when it has ended by itself.
  bool pause() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    if (::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status)) return true;
    pid_ = 0;
    return false;
  }

  /// As `kill -9` does: nothing of it runs any more.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  bool ended() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ <= 0;
  }

 private:
  pid_t pid_;
};

}  // namespace rtml::testing
