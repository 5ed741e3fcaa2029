#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "rtml/core/task.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/lineage.hpp"

namespace rtml {

/// What a registry knows of one model.
struct ModelVersion {
  std::uint64_t number = 0;  ///< from 1 upwards, never given twice
  std::string name = {};     ///< as the host likes, UTF-8, at most 250 bytes; may be empty
  std::string learner = {};  ///< AnyLearner::name(): what make_learner makes it from
  Task task = Task::binary;
  std::uint32_t outputs = 1;  ///< scores a prediction: 1, or the number of classes
  Time created{};
  std::uint64_t bytes = 0;     ///< of its file
  std::uint64_t checksum = 0;  ///< of its file: the last field of its footer (docs/format.md)
  Lineage lineage = {};

  friend bool operator==(const ModelVersion&, const ModelVersion&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ModelVersion", 1);
    ar(self.number, self.name, self.learner, self.task, self.outputs, self.created, self.bytes, self.checksum, self.lineage);
    ar.check(self.number >= 1 && self.lineage.parent < self.number, "number");
    ar.check(self.name.size() <= detail::most_key_bytes && self.learner.size() <= detail::most_param_bytes, "names");
    ar.check(self.task <= Task::classes && self.outputs >= 1, "task");
  }
};

}  // namespace rtml
