#pragma once

#include <string>

#include "sparse_rows.hpp"

namespace rtml_bench {

/// The `vw` of the PATH, a process of its own: the peer of a logistic learner.
class VowpalWabbit {
 public:
  /// One pass over rows, in seconds of the whole process: its start, reading and parsing are part of it.
  struct Run {
    double logloss = 0.0;  ///< progressive, "average loss"
    double wall = 0.0;
    double cpu = 0.0;  ///< of all its threads
  };
  struct Runs {
    Run text;
    Run cache;  ///< of the same rows, from the binary file that it made of its text
  };

  /// Asks it who it is. @throws rtml::ConfigError when no `vw` is on the PATH, rtml::Error when it fails.
  VowpalWabbit();

  const std::string& version() const noexcept { return version_; }

  /// Through files in a temporary directory, gone when this returns or throws. @throws rtml::Error
  Runs run(const SparseRows& rows, unsigned bits) const;

 private:
  std::string version_;
};

}  // namespace rtml_bench
