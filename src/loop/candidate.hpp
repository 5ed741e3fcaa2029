#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "rtml/core/any_learner.hpp"
#include "rtml/replay/replay_buffer.hpp"
#include "rtml/train/gate.hpp"

namespace rtml::detail {

/// A retraining that is due, with all that it needs, so that any thread can carry it out.
struct Training {
  std::size_t arm = 0;
  std::string why;
  AnyLearner model;          // as it was
  ReplayBuffer rows;         // what it learns from
  std::uint64_t labels = 0;  // of the arm, so far
  std::uint64_t labels_since = 0;
  Time now{};
  std::uint64_t learned = 0;
  bool done = false;  // else there were too few rows
};

/// A retrained model before its gate: answers all and serves none. Its model is the loop's behind those of the arms.
struct Candidate {
  std::size_t arm = 0;  // in whose place it would come
  bool present = false;
  bool waits = false;  // for readers to see it
  Time after{};        // what is judged comes later
  Trial trial = {};

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Candidate", 1);
    ar(self.present, self.waits, self.after, self.trial);
  }
};

}  // namespace rtml::detail
