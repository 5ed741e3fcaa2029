#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml {

/// A feature set with its state, for a single owner: batch training, evaluation, examples. Not for several threads.
///
///     for (const Payment& payment : payments) {
///       model.learn(pipeline(payment), label_of(payment));
///       pipeline.observe(payment);
///     }
template <class Event>
class FeaturePipeline {
 public:
  explicit FeaturePipeline(FeatureSet<Event> features)
      : features_(std::move(features)),
        fitted_(features_.make_fitted()),
        windows_(features_.make_windows()),
        dense_(features_.dense_size()),
        sparse_(features_.sparse_capacity()),
        fit_inputs_(features_.fit_size()) {}

  const FeatureSet<Event>& feature_set() const noexcept { return features_; }
  const Schema& schema() const noexcept { return features_.schema(); }
  const Fitted& fitted() const noexcept { return fitted_; }
  const EntityWindows& windows() const noexcept { return windows_; }

  /// The features of `event` as of its time; valid until the next call. Changes no state but the buffer that they lie in.
  Features operator()(const Event& event) noexcept {
    FeatureOutput out{dense_, sparse_, fit_inputs_};
    features_.compute(event, fitted_, windows_, out);
    return out.features();
  }

  /// The features of many events by what was observed so far; changes no state. See FeatureSet::transform.
  Batch transform(const typename FeatureSet<Event>::Rows& rows, FeatureBatch& out) const {
    return features_.transform(rows, fitted_, windows_, out);
  }

  /// The features of many events in their order, each observed before the next. See FeatureSet::replay.
  Batch replay(const typename FeatureSet<Event>::Rows& rows, FeatureBatch& out) { return features_.replay(rows, fitted_, windows_, out); }

  /// From here on `event` is past: standardize has seen it, the windows hold it.
  /// @pre `event` is what was computed last
  void observe(const Event& event) noexcept {
    fitted_.observe(fit_inputs_);
    features_.feed(event, windows_);
  }

  /// What transforms with statistics saw of the event that was computed last: to be kept where its label comes later.
  std::span<const float> fit_inputs() const noexcept { return fit_inputs_; }

  /// The label of the event of these inputs, for target_encoding. Never allocates.
  void label(std::span<const float> fit_inputs, float y, float weight = 1.0F) noexcept { fitted_.label(fit_inputs, y, weight); }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(fitted_) - sizeof(windows_) + fitted_.memory_bytes() + windows_.memory_bytes() +
           (dense_.capacity() + fit_inputs_.capacity()) * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature);
  }

  /// Restores into one of the same features, or of some that were added to since: those begin anew.
  /// @throws SchemaError that names the first column that differs
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("FeaturePipeline", 2);
    ar.check(version == 2, "format version (1 was never released)");
    if constexpr (Ar::reading) {
      Schema saved;
      ar(saved);
      if (const auto missing = self.schema().missing_from(saved))
        raise(SchemaError("FeaturePipeline: the state is of other features: " + *missing));
    } else {
      ar(self.schema());
    }
    ar(self.fitted_, self.windows_);
  }

 private:
  FeatureSet<Event> features_;
  Fitted fitted_;
  EntityWindows windows_;
  std::vector<float> dense_;
  std::vector<SparseFeature> sparse_;
  std::vector<float> fit_inputs_;
};

}  // namespace rtml
