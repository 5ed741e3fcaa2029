#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rtml/loop/engine.hpp"

namespace rtml::detail {

/// What was done to the working copy of the models since readers last saw it, so that the copy that they leave can be brought up to date by
/// doing it again: cheaper than copying a big model, and equal to the bit because learning is deterministic.
class Journal {
 public:
  /// Fits the transforms to one event's inputs.
  void observe(Serving& working, std::span<const float> fit_inputs) {
    if (fit_inputs.empty()) return;
    steps_.push_back({.kind = Kind::observe, .values = keep(fit_inputs)});
    apply(working, steps_.back());
  }

  /// Gives the label of an event to what transforms encode by labels.
  void label(Serving& working, std::span<const float> fit_inputs, float y, float weight) {
    if (!working.fitted.tables().learn_labels()) return;
    steps_.push_back({.kind = Kind::label, .y = y, .weight = weight, .values = keep(fit_inputs)});
    apply(working, steps_.back());
  }

  /// Lets `models` (a bit each) learn an example; returns the scores that the first of them gave before, none of no model.
  std::span<const float> learn(Serving& working, std::uint64_t models, const Features& x, float y, float weight, const Context& context) {
    steps_.push_back({.kind = Kind::learn,
                      .models = models,
                      .y = y,
                      .weight = weight,
                      .at = context.at,
                      .values = keep(x.dense),
                      .sparse = keep(x.sparse)});
    apply(working, steps_.back());
    return std::span<const float>(before_).first(models == 0 ? 0 : before_.size() / 2);
  }

  /// Puts another model in one's place; an empty one takes it away.
  void replace(Serving& working, std::size_t place, AnyLearner model) {
    steps_.push_back({.kind = Kind::replace, .models = place, .model = std::make_shared<const AnyLearner>(std::move(model))});
    apply(working, steps_.back());
  }

  bool empty() const noexcept { return steps_.empty(); }

  /// Time to publish, even if no label came: what waits here has a bound.
  bool full() const noexcept { return steps_.size() >= 4096; }

  /// Does all of it again, on a copy that lags by just that.
  void replay(Serving& lagging) const {
    for (const Step& step : steps_) apply(lagging, step);
  }

  void clear() noexcept {
    steps_.clear();
    values_.clear();
    sparse_.clear();
  }

  std::size_t memory_bytes() const noexcept {
    return steps_.capacity() * sizeof(Step) + values_.capacity() * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature) +
           before_.capacity() * sizeof(float);
  }

 private:
  enum class Kind : std::uint8_t { observe, label, learn, replace };

  struct Range {
    std::size_t first = 0;
    std::size_t count = 0;
  };

  struct Step {
    Kind kind;
    std::uint64_t models = 0;  // a bit each; which one
    float y = 0.0F;
    float weight = 0.0F;
    Time at{};
    Range values = {};
    Range sparse = {};
    std::shared_ptr<const AnyLearner> model = {};
  };

  Range keep(std::span<const float> values) {
    const Range range{values_.size(), values.size()};
    values_.insert(values_.end(), values.begin(), values.end());
    return range;
  }
  Range keep(std::span<const SparseFeature> sparse) {
    const Range range{sparse_.size(), sparse.size()};
    sparse_.insert(sparse_.end(), sparse.begin(), sparse.end());
    return range;
  }

  void apply(Serving& serving, const Step& step) const {
    const std::span<const float> values(values_.data() + step.values.first, step.values.count);
    if (step.kind == Kind::observe) {
      serving.fitted.observe(values);
    } else if (step.kind == Kind::label) {
      serving.fitted.label(values, step.y, step.weight);
    } else if (step.kind == Kind::replace) {
      serving.models[step.models] = *step.model;
      ++serving.versions[step.models];
    } else {
      const Features x{values, {sparse_.data() + step.sparse.first, step.sparse.count}};
      const std::size_t outputs = serving.models[0].outputs();
      before_.resize(2 * outputs);
      std::size_t into = 0;
      for (std::size_t i = 0; i < serving.models.size(); ++i) {
        if ((step.models >> i & 1U) == 0) continue;
        serving.models[i].learn(x, step.y, step.weight, std::span(before_).subspan(into, outputs), {.at = step.at});
        into = outputs;
      }
    }
  }

  std::vector<Step> steps_;
  std::vector<float> values_;
  std::vector<SparseFeature> sparse_;
  mutable std::vector<float> before_;  // answers before learning: those of the first model, then of whichever came last
};

}  // namespace rtml::detail
