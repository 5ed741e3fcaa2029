#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/task.hpp"
#include "rtml/replay/prediction_loss.hpp"
#include "rtml/replay/rehearsal.hpp"

namespace rtml {

namespace detail {

template <class L>
constexpr std::string_view learner_name() noexcept {
  if constexpr (requires { std::string_view(L::name); }) {
    return L::name;
  } else {
    return "learner";
  }
}

}  // namespace detail

/// A learner that learns old examples again after each new one, and predicts as the learner in it does.
///
/// `learn` costs that of the inner learner 1 + ratio times; over a prioritised buffer a class learner predicts as often too. A copy copies
/// the buffer: to publish for prediction, copy `learner()`. A learner that keeps state by entity or by field sees an old example without
/// them: buffers keep features, label, weight and time.
template <class L>
requires ScalarLearner<L> || ClassLearner<L>
class Rehearsing {
 public:
  static constexpr std::string_view name = detail::learner_name<L>();

  Rehearsing() = default;

  /// @throws ConfigError
  explicit Rehearsing(L learner, Rehearsal rehearsal = {}) : learner_(std::move(learner)), rehearser_(std::move(rehearsal)) {}

  void bind(const Schema& schema) {
    learner_.bind(schema);
    rehearser_.bind(schema);
    if constexpr (ClassLearner<L>)
      if (rehearser_.buffer().by_loss()) scores_.resize(static_cast<std::size_t>(classes()));
  }

  Task task() const noexcept { return learner_.task(); }

  float predict(const Features& x) const noexcept requires ScalarLearner<L> { return learner_.predict(x); }
  float predict(const Features& x, const Context& context) const noexcept requires requires(const L& learner) {
    learner.predict(x, context);
  }
  { return learner_.predict(x, context); }
  float learn(const Features& x, float y, float weight = 1.0F) noexcept requires ScalarLearner<L> { return learn(x, y, weight, Context{}); }
  float learn(const Features& x, float y, float weight, const Context& context) noexcept requires ScalarLearner<L> {
    const std::uint64_t refused_before = learner_.refused();
    const float before = teach(x, y, weight, context);
    if (learner_.refused() == refused_before && weight != 0.0F) rehearse({x, y, weight, context.at}, loss_of(before, y));
    return before;
  }

  int classes() const noexcept requires ClassLearner<L> { return learner_.classes(); }
  void predict_proba(const Features& x, std::span<float> p) const noexcept requires ClassLearner<L> { learner_.predict_proba(x, p); }
  int predict(const Features& x) const noexcept requires ClassLearner<L> { return learner_.predict(x); }
  void predict_proba(const Features& x, std::span<float> p, const Context& context) const noexcept requires requires(const L& learner) {
    learner.predict_proba(x, p, context);
  }
  { learner_.predict_proba(x, p, context); }
  int learn(const Features& x, int label, float weight = 1.0F) noexcept requires ClassLearner<L> {
    return learn(x, label, weight, Context{});
  }
  int learn(const Features& x, int label, float weight, const Context& context) noexcept requires ClassLearner<L> {
    const std::uint64_t refused_before = learner_.refused();
    const auto y = static_cast<float>(label);
    const float loss = loss_of(x, y, context);
    const int before = teach(x, label, weight, context);
    if (learner_.refused() == refused_before && weight != 0.0F) rehearse({x, y, weight, context.at}, loss);
    return before;
  }

  float threshold() const noexcept requires requires(const L& learner) { learner.threshold(); }
  { return learner_.threshold(); }
  float contributions(const Features& x, std::span<float> dense, std::span<float> sparse) const noexcept requires Explainable<L> {
    return learner_.contributions(x, dense, sparse);
  }

  /// Of new examples: what was once accepted is not refused when it comes again.
  std::uint64_t refused() const noexcept { return learner_.refused(); }

  /// Old examples that were learned again.
  std::uint64_t replayed() const noexcept { return rehearser_.replayed(); }

  /// The stream changed: see RehearsalSchedule.
  void drifted() noexcept { rehearser_.drifted(); }

  const L& learner() const noexcept { return learner_; }
  const ReplayBuffer& buffer() const noexcept { return rehearser_.buffer(); }

  std::size_t memory_bytes() const noexcept {
    return learner_.memory_bytes() + rehearser_.memory_bytes() + scores_.capacity() * sizeof(float);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Rehearsing", 1);
    ar(self.learner_, self.rehearser_);
  }

 private:
  template <class Label>
  auto teach(const Features& x, Label y, float weight, [[maybe_unused]] const Context& context) noexcept {
    if constexpr (requires { learner_.learn(x, y, weight, context); }) {
      return learner_.learn(x, y, weight, context);
    } else {
      return learner_.learn(x, y, weight);
    }
  }

  float loss_of(float before, float y) const noexcept requires ScalarLearner<L> {
    if constexpr (requires { learner_.threshold(); }) {
      return prediction_loss(task(), {&before, 1}, y, learner_.threshold());
    } else {
      return prediction_loss(task(), {&before, 1}, y);
    }
  }

  /// Of a prediction before learning, made for this alone: only buffers that draw by loss ask.
  float loss_of(const Features& x, float y, [[maybe_unused]] const Context& context) noexcept requires ClassLearner<L> {
    if (scores_.empty()) return PrioritizedBuffer::unknown;
    if constexpr (requires { learner_.predict_proba(x, scores_, context); }) {
      learner_.predict_proba(x, scores_, context);
    } else {
      learner_.predict_proba(x, scores_);
    }
    return prediction_loss(Task::classes, scores_, y);
  }

  void rehearse(const Example& fresh, float fresh_loss) noexcept {
    rehearser_.after(fresh, fresh_loss, [this](const Example& old) -> float {
      const Context context{.at = old.at};
      if constexpr (ClassLearner<L>) {
        const float loss = loss_of(old.x, old.y, context);
        // A damaged archive may hold any label: what is no class is the learner's to refuse.
        const int label = old.y >= 0.0F && old.y < static_cast<float>(classes()) ? static_cast<int>(old.y) : -1;
        teach(old.x, label, old.weight, context);
        return loss;
      } else {
        return loss_of(teach(old.x, old.y, old.weight, context), old.y);
      }
    });
  }

  L learner_;
  Rehearser rehearser_;
  std::vector<float> scores_;  // scratch: [classes], of buffers that draw by loss
};

}  // namespace rtml
