#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/core/archive.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/outcome.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/task.hpp"

namespace rtml {

/// State that is written and read by one function.
template <class T>
concept Checkpointable = requires(const T& saved, T& restored, Writer& writer, Reader& reader) {
  T::archive(saved, writer);
  T::archive(restored, reader);
};

/// `a.merge(b)` makes `a` what it would be had it seen b's examples too; the order of merges does not matter.
template <class T>
concept Mergeable = requires(T& into, const T& from) {
  into.merge(from);
};

/// A value with a bound: knows what memory it holds, itself included.
template <class T>
concept Sized = requires(const T& object) {
  { object.memory_bytes() } -> std::same_as<std::size_t>;
};

namespace detail {

/// What scalar and class learners share.
template <class T>
concept LearnerState = std::copyable<T> && Checkpointable<T> && Sized<T> && requires(T& model, const T& view, const Schema& schema) {
  model.bind(schema);  // once before use: sizes and fingerprint; again with a schema that gained columns: keeps what was learned
  { view.task() }
  noexcept->std::same_as<Task>;
  { view.refused() }
  noexcept->std::same_as<std::uint64_t>;
};

}  // namespace detail

/// Predicts one number (a mean, or P(y = 1)) and learns from one labelled example at a time.
///
/// Beyond the syntax, tests/support/learner_laws.hpp holds every learner to this:
///  - `predict` changes nothing, and may run in any number of threads beside each other,
///  - `learn` returns what `predict` would have said just before, and neither allocates nor throws,
///  - a copy and its original give bit-identical answers to the same stream, and so does one saved and loaded,
///  - what is not usable (finite.hpp) is refused and leaves no trace but a count, `refused()`; weight 0 does nothing.
template <class T>
concept ScalarLearner = detail::LearnerState<T> && requires(T& model, const T& view, const Features& x, float y, float weight) {
  { view.predict(x) }
  noexcept->std::same_as<float>;
  { model.learn(x, y) }
  noexcept->std::same_as<float>;
  { model.learn(x, y, weight) }
  noexcept->std::same_as<float>;
};

/// Predicts one of `classes()` labels, 0-based, under the laws of ScalarLearner. `predict_proba` fills p [classes()], summing to 1.
template <class T>
concept ClassLearner = detail::LearnerState<T> &&
    requires(T& model, const T& view, const Features& x, int label, float weight, std::span<float> p) {
  { view.classes() }
  noexcept->std::same_as<int>;
  { view.predict_proba(x, p) }
  noexcept;
  { view.predict(x) }
  noexcept->std::same_as<int>;
  { model.learn(x, label) }
  noexcept->std::same_as<int>;
  { model.learn(x, label, weight) }
  noexcept->std::same_as<int>;
};

/// One number of a prediction that is the sum of what each column gave it (linear learners): see AnyLearner::explain.
template <class T>
concept Explainable = requires(const T& view, const Features& x, std::span<float> dense, std::span<float> sparse) {
  { view.contributions(x, dense, sparse) }
  noexcept->std::same_as<float>;  // returns the intercept; margin = intercept + sums
};

enum class Change : std::uint8_t { none, warning, drift };

/// Watches one scalar stream and says on which value a change became visible. A value that is not finite is ignored and counted.
/// `drift_age()` is where the last drift is estimated to have begun: that many accepted values before its alarm, the one that alarmed
/// included. 0 before the first drift and after reset(), otherwise >= 1 and the same until the next drift.
template <class T>
concept ChangeDetector = std::copyable<T> && Checkpointable<T> && Sized<T> && requires(T& detector, const T& view, double value) {
  { detector.update(value) }
  noexcept->std::same_as<Change>;
  { detector.reset() }
  noexcept;
  { view.refused() }
  noexcept->std::same_as<std::uint64_t>;
  { view.drift_age() }
  noexcept->std::same_as<std::uint64_t>;
};

/// A streaming statistic of outcomes. `value()` is NaN until it is defined; an outcome that is not finite is ignored.
template <class T>
concept Metric = std::copyable<T> && Checkpointable<T> && Sized<T> && requires(T& metric, const T& view, const Outcome& outcome) {
  { metric.update(outcome) }
  noexcept;
  { view.value() }
  noexcept->std::same_as<double>;
  { metric.reset() }
  noexcept;
};

}  // namespace rtml
