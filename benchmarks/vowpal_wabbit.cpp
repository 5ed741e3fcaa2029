#include "vowpal_wabbit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "stopwatch.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every system's unistd.h has it

namespace rtml_bench {
namespace {

[[noreturn]] void refuse(const std::string& what, int code) {
  rtml::raise(rtml::IoError(fmt::format("--peer: {}: {}", what, std::generic_category().message(code)), code));
}

/// How a process ended, what it said on both outputs, and what it took.
struct Ended {
  int code = -1;  // -1: by a signal
  std::string said;
  double wall = 0.0;
  double cpu = 0.0;
};

/// For a child's output. Its ends are closed on exec, so that no other process keeps them open.
class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_.data()) != 0) refuse("pipe", errno);
    for (const int end : ends_) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    close_writing();
  }

  int writing() const noexcept { return ends_[1]; }
  void close_writing() noexcept {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

  /// All that is written, until every writing end is closed.
  std::string read() {
    std::string all;
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t n = ::read(ends_[0], buffer.data(), buffer.size());
      if (n > 0) {
        all.append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EINTR) {
        return all;
      }
    }
  }

 private:
  std::array<int, 2> ends_{};
};

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); }

/// Runs `vw` with these arguments, each as it is: no shell reads them.
Ended run_vw(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "vw");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  Pipe output;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.writing(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.writing(), STDERR_FILENO);
  const auto began = Clock::now();
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, "vw", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT) rtml::raise(rtml::ConfigError("--peer: no vw is on the PATH"));
  if (failed != 0) refuse("cannot run vw", failed);

  Ended ended;
  output.close_writing();
  ended.said = output.read();
  int status = 0;
  rusage used{};
  while (::wait4(pid, &status, 0, &used) < 0)
    if (errno != EINTR) refuse("waiting for vw", errno);
  ended.wall = 1e-9 * nanoseconds(Clock::now() - began);
  ended.cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
  if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  return ended;
}

/// What it said, when it ended well.
const std::string& said_by(const Ended& ended) {
  if (ended.code == 0) return ended.said;
  const std::string_view said = std::string_view(ended.said).substr(0, ended.said.find_last_not_of(" \r\n") + 1);
  const std::string_view last = said.substr(said.rfind('\n') + 1);
  rtml::raise(rtml::Error(ended.code < 0 ? fmt::format("--peer: vw was ended by a signal; it said \"{}\"", last)
                                         : fmt::format("--peer: vw ended with {}, and said \"{}\"", ended.code, last)));
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "rtml-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) refuse("cannot make " + name, errno);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Labels -1 and 1; a feature's name is its index, which VW takes as it is, or its column's place. What is 0 or missing is left out.
void write(const SparseRows& rows, const std::filesystem::path& file) {
  std::ofstream stream(file, std::ios::binary);
  std::string line;
  const auto add = [&](std::size_t index, float value) {
    if (value == 0.0F || !rtml::is_usable(value)) return;
    fmt::format_to(std::back_inserter(line), " {}", index);
    if (value != 1.0F) fmt::format_to(std::back_inserter(line), ":{}", value);
  };
  for (std::size_t i = 0; i < rows.size() && stream; ++i) {
    const rtml::Features x = rows[i];
    line = rows.label(i) > 0.5F ? "1 |" : "-1 |";
    for (std::size_t j = 0; j < x.dense.size(); ++j) add(j, x.dense[j]);
    for (const rtml::SparseFeature& feature : x.sparse) add(feature.index, feature.value);
    stream << line << '\n';
  }
  stream.close();
  if (!stream) refuse("cannot write " + file.string(), errno);
}

VowpalWabbit::Run run_over(std::vector<std::string> source, unsigned bits) {
  const std::vector<std::string> how = {"--loss_function", "logistic", "-b", std::to_string(bits), "--no_stdin"};
  source.insert(source.end(), how.begin(), how.end());
  const Ended ended = run_vw(std::move(source));
  const std::string& said = said_by(ended);
  constexpr std::string_view key = "average loss = ";
  VowpalWabbit::Run run{.logloss = 0.0, .wall = ended.wall, .cpu = ended.cpu};
  const std::size_t at = said.find(key);
  if (at == std::string::npos || std::from_chars(said.data() + at + key.size(), said.data() + said.size(), run.logloss).ec != std::errc{})
    rtml::raise(rtml::FormatError("--peer: vw said no average loss"));
  return run;
}

}  // namespace

VowpalWabbit::VowpalWabbit() {
  const Ended ended = run_vw({"--version"});
  version_ = said_by(ended).substr(0, ended.said.find_first_of(" \r\n"));
}

VowpalWabbit::Runs VowpalWabbit::run(const SparseRows& rows, unsigned bits) const {
  const TemporaryDirectory directory;
  const std::string text = (directory.path() / "rows.vw").string();
  const std::string cache = (directory.path() / "rows.cache").string();
  write(rows, text);
  Runs runs;
  runs.text = run_over({"-d", text}, bits);
  run_over({"-d", text, "--cache_file", cache}, bits);  // makes it
  runs.cache = run_over({"-d", text, "--cache_file", cache}, bits);
  return runs;
}

}  // namespace rtml_bench
