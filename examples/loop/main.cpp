// rtml-loop: the whole real-time loop on a stream, as a program. `rtml-loop --help` explains the options.
#include <cerrno>
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "arguments.hpp"
#include "output.hpp"
#include "run.hpp"

int main(int argc, char** argv) {
  rtml_loop::Arguments arguments;
  try {
    if (const auto code = rtml_loop::parse(argc, argv, arguments)) return *code;
    const auto source = rtml_loop::open(arguments);
    const rtml_loop::Outcome outcome = rtml_loop::run(arguments, *source);
    if (arguments.json) {
      rtml_loop::print_json(outcome, *source);
    } else {
      rtml_loop::print_table(outcome, *source);
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw rtml::IoError("standard output cannot be written", errno);
    if (!arguments.report.empty()) {
      rtml_loop::write_report(outcome, arguments.report);
      fmt::print(stderr, "report: {}\n", arguments.report);
    }
    return 0;
  } catch (const rtml::Error& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return 1;
  }
}
