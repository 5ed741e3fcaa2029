#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// How forward_chaining divides time.
struct ForwardChaining {
  std::size_t folds = 5;                            ///< in [1, 1000]
  Duration test = days(7);                          ///< length of each test range, above 0
  Duration embargo{0};                              ///< between what training may know and the test range, not negative
  std::optional<Duration> train_on = std::nullopt;  ///< sliding: the last so much before the embargo, above 0; else expanding: everything
};

/// Rows to learn from and rows to be judged on, all of the first known before any of the second happened.
struct TemporalSplit {
  Time train_begin{};  ///< training rows happened in [train_begin, train_end), and their labels were known before train_end
  Time train_end{};    ///< embargo before test_begin
  Time test_begin{};   ///< test rows happened in [test_begin, test_end)
  Time test_end{};
  std::vector<std::size_t> train;  ///< by event time, then as they came
  std::vector<std::size_t> test;   ///< the same
  std::size_t purged = 0;          ///< rows of the training range whose label was known too late
};

/// Splits for validation in which the past predicts the future: consecutive test ranges, the last of which ends with the newest row; each is
/// predicted from what had happened, and been labelled, `embargo` before it began. An embargo of at least the label delay and the longest window of
/// the features makes training and test independent. `label_times` are when each row's label became known, Time::max() where it is not yet;
/// one before its event counts as at the event. O(n log n + folds n).
/// Source: L. Tashman, International Journal of Forecasting 16 (2000), 437-450 (rolling origin); M. Lopez de Prado, "Advances in Financial
/// Machine Learning" (2018), 7.4 (purging, embargo).
/// @throws ConfigError for options out of range, spans of different lengths, or a split without training rows.
RTML_API std::vector<TemporalSplit> forward_chaining(std::span<const Time> event_times, std::span<const Time> label_times,
                                                     const ForwardChaining& options);

}  // namespace rtml
