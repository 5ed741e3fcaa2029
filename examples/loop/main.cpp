// rtml-loop: the whole real-time loop on a stream, as a program. `rtml-loop --help` explains the options.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "arguments.hpp"
#include "output.hpp"
#include "run.hpp"

namespace {

void print(const rtml_loop::Arguments& arguments, const rtml_loop::Outcome& outcome, const rtml::stream::Source& source) {
  if (arguments.json) {
    rtml_loop::print_json(outcome, source);
  } else {
    rtml_loop::print_table(outcome, source);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw rtml::IoError("standard output cannot be written", errno);
}

void report(const rtml_loop::Arguments& arguments, const rtml_loop::Outcome& outcome) {
  if (arguments.report.empty()) return;
  rtml_loop::write_report(outcome, arguments.report);
  fmt::print(stderr, "report: {}\n", arguments.report);
}

template <class Step>
bool succeeds(Step step) {
  try {
    step();
    return true;
  } catch (const rtml::Error& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return false;
  }
}

/// A report that was asked for must find its place before the run begins; the one by default is left out where it finds none.
void settle_report(rtml_loop::Arguments& arguments) {
  if (arguments.report.empty()) return;
  try {
    rtml_loop::require_writable(arguments.report);
  } catch (const rtml::IoError& error) {
    if (arguments.report_asked) throw;
    fmt::print(stderr, "{}: no report then\n", error.what());
    arguments.report.clear();
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit of file sizes is an error, not the end
  rtml_loop::Arguments arguments;
  try {
    if (const auto code = rtml_loop::parse(argc, argv, arguments)) return *code;
    const auto source = rtml_loop::open(arguments);
    settle_report(arguments);
    const rtml_loop::Outcome outcome = rtml_loop::run(arguments, *source);
    // What can be shown is shown, whatever else fails.
    const bool printed = succeeds([&] { print(arguments, outcome, *source); });
    const bool reported = succeeds([&] { report(arguments, outcome); });
    if (!outcome.state_error.empty()) fmt::print(stderr, "rtml-loop: {}\n", outcome.state_error);
    return printed && reported && outcome.state_error.empty() ? 0 : 2;
  } catch (const rtml::Error& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return 1;
  }
}
