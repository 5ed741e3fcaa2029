#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/math.hpp"

namespace rtml {

/// A class learner of k binary ones: each learns one class against all others from every example, and the largest score decides. Any binary
/// learner becomes multi-class so, with all its options; in Softmax the classes learn together.
///
/// predict_proba: the learners' probabilities over their sum, each class alike where all are 0. Where the learner's score is a margin, as
/// hinge's (its threshold() is not 1/2), the softmax of the margins: in the order of the margins, but not calibrated.
///
/// Cost, memory: k times the learner's. Thread safety is the learner's.
/// Source: R. Rifkin, A. Klautau, "In defense of one-vs-all classification", JMLR 5 (2004), 101-141.
template <ScalarLearner Learner>
class OneVsRest {
 public:
  static constexpr std::string_view name = "one_vs_rest";
  static constexpr int most_classes = 256;

  struct Options {
    int classes = 2;    ///< in [2, 256]
    Learner learner{};  ///< binary, as constructed: each class has its copy
  };

  OneVsRest() : OneVsRest(Options{}) {}

  /// @throws ConfigError unless there are 2 to 256 classes and the learner is a binary one.
  explicit OneVsRest(const Options& options) {
    require("OneVsRest", "classes", options.classes, options.classes >= 2 && options.classes <= most_classes, "in [2, 256]");
    require("OneVsRest", "task of the learner", name_of(options.learner.task()), options.learner.task() == Task::binary, "binary");
    learners_.assign(static_cast<std::size_t>(options.classes), options.learner);
  }

  void bind(const Schema& schema) {
    for (Learner& learner : learners_) learner.bind(schema);
  }

  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return static_cast<int>(learners_.size()); }
  const Learner& learner(int label) const noexcept { return learners_[static_cast<std::size_t>(label)]; }

  /// Labels that are no class, and what the learners refuse: all of them the same.
  std::uint64_t refused() const noexcept { return refused_ + learners_.front().refused(); }

  /// @pre p.size() >= classes()
  void predict_proba(const Features& x, std::span<float> p) const noexcept {
    for (std::size_t c = 0; c < learners_.size(); ++c) p[c] = learners_[c].predict(x);
    p = p.first(learners_.size());
    if (gives_margins()) {
      const float highest = *std::max_element(p.begin(), p.end());
      for (float& score : p) score = math::exp(score - highest);
    }
    float sum = 0.0F;
    for (const float score : p) sum += score;
    for (float& score : p) score = sum > 0.0F ? score / sum : 1.0F / static_cast<float>(p.size());
  }

  int predict(const Features& x) const noexcept {
    Scores scores;  // NOLINT(cppcoreguidelines-pro-type-member-init): its beginning is filled, then read
    for (std::size_t c = 0; c < learners_.size(); ++c) scores[c] = learners_[c].predict(x);
    return decide(scores);
  }

  int learn(const Features& x, int label, float weight = 1.0F) noexcept {
    if (label < 0 || label >= classes()) {
      ++refused_;
      return predict(x);
    }
    Scores before;  // NOLINT(cppcoreguidelines-pro-type-member-init): as in predict
    for (std::size_t c = 0; c < learners_.size(); ++c)
      before[c] = learners_[c].learn(x, c == static_cast<std::size_t>(label) ? 1.0F : 0.0F, weight);
    return decide(before);
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + (learners_.capacity() - learners_.size()) * sizeof(Learner);
    for (const Learner& learner : learners_) bytes += learner.memory_bytes();
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("OneVsRest", 1);
    std::uint64_t classes = self.learners_.size();
    ar(classes);
    ar.check(classes == self.learners_.size(), "classes (saved: of another number)");
    for (auto& learner : self.learners_) ar(learner);
    ar(self.refused_);
  }

 private:
  using Scores = std::array<float, most_classes>;

  bool gives_margins() const noexcept {
    if constexpr (requires { learners_.front().threshold(); }) {
      return learners_.front().threshold() != 0.5F;
    } else {
      return false;
    }
  }

  int decide(const Scores& scores) const noexcept {
    return static_cast<int>(std::max_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(learners_.size())) -
                            scores.begin());
  }

  std::vector<Learner> learners_;  // [classes]
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
