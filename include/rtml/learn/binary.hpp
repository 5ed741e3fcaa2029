#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "rtml/core/concepts.hpp"

namespace rtml {

/// A class learner of two classes as a binary one: predicts P(class 1). Everything else is the learner's own.
template <ClassLearner Learner>
class Binary {
 public:
  static constexpr std::string_view name = Learner::name;

  Binary() : Binary(Learner{}) {}

  /// @throws ConfigError unless `learner` has two classes.
  explicit Binary(Learner learner) : learner_(std::move(learner)) {
    require(name, "classes", learner_.classes(), learner_.classes() == 2, "2 for a binary task");
  }

  const Learner& learner() const noexcept { return learner_; }
  void bind(const Schema& schema) { learner_.bind(schema); }
  Task task() const noexcept { return Task::binary; }
  std::uint64_t refused() const noexcept { return learner_.refused(); }

  float predict(const Features& x) const noexcept {
    std::array<float, 2> p{};
    learner_.predict_proba(x, p);
    return p[1];
  }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    const float before = predict(x);
    learner_.learn(x, y == 0.0F ? 0 : (y == 1.0F ? 1 : -1), weight);
    return before;
  }

  std::size_t memory_bytes() const noexcept { return learner_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Binary", 1);
    ar(self.learner_);
  }

 private:
  Learner learner_;
};

}  // namespace rtml
