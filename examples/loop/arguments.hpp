#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/task.hpp"

namespace rtml_loop {

/// What the command line says.
struct Arguments {
  std::string data;
  std::string stream = "payments";
  std::string target;
  std::optional<rtml::Task> task;
  std::string time;
  std::vector<std::string> entity;
  std::vector<std::string> nominal;
  std::vector<std::string> ignore;
  std::string label_delay = "0";
  std::string learner;
  std::string challenger;
  double split = 0.1;
  std::vector<std::string> retrain;
  std::string rehearse;
  std::string state;
  std::string report;
  bool report_asked = false;  ///< else report.html is written where the folder allows it
  std::uint64_t limit = 0;    // 0 = all
  std::uint64_t seed = 1;
  bool json = false;
};

/// Parses the command line, or prints help or one line that names what is wrong and returns the exit code.
std::optional<int> parse(int argc, char** argv, Arguments& arguments);

/// What `make` returns; a ConfigError of it gets the name of the option that it is about.
template <class Make>
auto of_option(std::string_view option, Make make) {
  try {
    return make();
  } catch (const rtml::ConfigError& error) {
    throw rtml::ConfigError(std::string(option) + ": " + error.what());
  }
}

}  // namespace rtml_loop
