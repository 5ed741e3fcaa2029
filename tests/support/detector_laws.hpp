// What every ChangeDetector owes (core/concepts.hpp). Each law answers "" when it holds, else what broke it; check_detector asserts
// them all. `fresh` is a detector as constructed, `values` a stream of its kind (streams.hpp) on which it alarms.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

namespace rtml::testing {

namespace detail {

template <ChangeDetector T>
std::vector<Change> changes(T& detector, const std::vector<double>& values) {
  std::vector<Change> said;
  said.reserve(values.size());
  for (const double value : values) said.push_back(detector.update(value));
  return said;
}

inline std::vector<double> not_finite() {
  return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
}

}  // namespace detail

/// On a stream with a change it says so: without that the other laws would compare silence with silence.
template <ChangeDetector T>
std::string law_alarms(const T& fresh, const std::vector<double>& values) {
  T detector = fresh;
  for (const Change change : detail::changes(detector, values))
    if (change == Change::drift) return "";
  return "no drift in the whole stream";
}

/// The estimated beginning of a drift lies among the values that the detector saw, and stands until the next drift or reset().
template <ChangeDetector T>
std::string law_drift_age_says_where(const T& fresh, const std::vector<double>& values) {
  T detector = fresh;
  std::uint64_t age = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool drift = detector.update(values[i]) == Change::drift;
    if (drift && (detector.drift_age() == 0 || detector.drift_age() > i + 1)) return "drift_age() lies outside the stream at " + to_text(i);
    if (!drift && detector.drift_age() != age) return "drift_age() moved without a drift at " + to_text(i);
    age = detector.drift_age();
  }
  detector.reset();
  return detector.drift_age() == 0 ? "" : "reset keeps drift_age()";
}

/// reset() forgets everything, wherever it happens and whatever extremes came before.
template <ChangeDetector T>
std::string law_reset_forgets(const T& fresh, const std::vector<double>& values) {
  T expected = fresh;
  const auto says = detail::changes(expected, values);
  for (const std::size_t at : {std::size_t{1}, values.size() / 3, values.size() / 2, values.size()}) {
    T detector = fresh;
    for (std::size_t i = 0; i < at; ++i) detector.update(values[i]);
    detector.reset();
    if (detail::changes(detector, values) != says) return "reset after " + to_text(at) + " values, it answers differently from a new one";
  }
  T shaken = fresh;
  for (const double value : {1e300, -1e300, 1e-300, std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()})
    for (int repeat = 0; repeat < 50; ++repeat) shaken.update(value);
  shaken.reset();
  return detail::changes(shaken, values) == says ? "" : "reset after finite extremes, it answers differently from a new one";
}

/// A copy goes on like its original, and shares nothing with it.
template <ChangeDetector T>
std::string law_detector_copies_agree(const T& fresh, const std::vector<double>& values) {
  T detector = fresh;
  detail::changes(detector, values);
  T copy = detector;
  T other = detector;
  const Bytes before = save(detector);
  detail::changes(other, values);
  if (save(detector) != before) return "a copy that updates changes its original";
  if (detail::changes(detector, values) != detail::changes(copy, values)) return "copy and original answer differently";
  return save(detector) == save(copy) ? "" : "copy and original end in different states";
}

/// Saved and loaded at any place, it goes on bit for bit.
template <ChangeDetector T>
std::string law_detector_checkpoint_continues(const T& fresh, const std::vector<double>& values) {
  T whole = fresh;
  const auto says = detail::changes(whole, values);
  for (std::size_t at = 0; at <= values.size(); at += values.size() / 8 + 1) {
    T detector = fresh;
    for (std::size_t i = 0; i < at; ++i) detector.update(values[i]);
    T restored = fresh;
    load(restored, save(detector));
    if (restored.drift_age() != detector.drift_age()) return "loaded after " + to_text(at) + " values, it has lost drift_age()";
    for (std::size_t i = at; i < values.size(); ++i)
      if (restored.update(values[i]) != says[i]) return "loaded after " + to_text(at) + " values, it differs on value " + to_text(i);
    if (save(restored) != save(whole)) return "loaded after " + to_text(at) + " values, it ends in another state";
  }
  return "";
}

/// What is not finite is ignored and counted, wherever it comes.
template <ChangeDetector T>
std::string law_refuses_what_is_not_finite(const T& fresh, const std::vector<double>& values) {
  T attacked = fresh;
  T spared = fresh;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 7 == 0) {
      for (const double value : detail::not_finite()) {
        const auto refused = attacked.refused();
        if (attacked.update(value) != Change::none) return to_text(value) + " raised an alarm";
        if (attacked.refused() != refused + 1) return to_text(value) + " was not counted as refused";
      }
    }
    if (attacked.update(values[i]) != spared.update(values[i])) return "refused values show at value " + to_text(i);
  }
  return spared.refused() == 0 ? "" : "finite values were refused";
}

/// After one pass over the stream neither update nor reset allocates.
template <ChangeDetector T>
std::string law_update_does_not_allocate(const T& fresh, const std::vector<double>& values) {
  T detector = fresh;
  detail::changes(detector, values);
  const AllocationCounter allocations;
  for (const double value : values) detector.update(value);
  detector.reset();
  for (const double value : values) detector.update(value);
  const auto count = allocations.count();
  return count == 0 ? "" : "allocated " + to_text(count) + " times";
}

/// Asserts every law of a detector.
template <ChangeDetector T>
void check_detector(const T& fresh, const std::vector<double>& values) {
  CHECK(law_alarms(fresh, values) == "");
  CHECK(law_drift_age_says_where(fresh, values) == "");
  CHECK(law_reset_forgets(fresh, values) == "");
  CHECK(law_detector_copies_agree(fresh, values) == "");
  CHECK(law_detector_checkpoint_continues(fresh, values) == "");
  CHECK(law_refuses_what_is_not_finite(fresh, values) == "");
  CHECK(law_update_does_not_allocate(fresh, values) == "");
  T seen = fresh;
  for (std::size_t i = 0; i < values.size() / 2; ++i) seen.update(values[i]);
  check_archive(seen, fresh, [&](T& read) {
    for (std::size_t i = 0; i < 50 && i < values.size(); ++i) read.update(values[i]);
    read.reset();
  });
}

}  // namespace rtml::testing
