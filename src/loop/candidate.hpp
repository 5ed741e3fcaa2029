#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/replay/replay_buffer.hpp"
#include "rtml/train/gate.hpp"

namespace rtml::detail {

/// A retraining that is due, with all that it needs, so that any thread can carry it out.
struct Training {
  std::size_t arm = 0;
  std::string why;
  AnyLearner model;                      // as it was
  ReplayBuffer rows;                     // what it learns from
  std::size_t first = 0;                 // of them
  std::vector<std::size_t> corrections;  // places of rows that the model learned as negatives
  std::uint64_t labels = 0;              // of the arm, so far
  std::uint64_t untrained = 0;           // labels that the model had not seen
  std::uint64_t learned = 0;
};

/// A retrained model before its gate: answers all and serves none. Its model is the loop's behind those of the arms.
struct Candidate {
  std::size_t arm = 0;  // in whose place it would come
  bool present = false;
  bool waits = false;  // for readers to see it
  Time after{};        // what is judged comes later
  Trial trial = {};
  std::uint64_t untrained = 0;  // labels that it has seen and the model that serves has not

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("Candidate", 2);
    ar(self.present, self.waits, self.after, self.trial);
    if (version >= 2) ar(self.untrained);
  }
};

}  // namespace rtml::detail
