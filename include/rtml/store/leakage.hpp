#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/entity_keys.hpp"
#include "rtml/store/temporal_split.hpp"

namespace rtml {

/// How training can know what serving will not.
enum class Leak : std::uint8_t {
  availability,  ///< a feature became available after the decision that it served
  giveaway,      ///< one column alone gives the label away
  future_fit,    ///< statistics were fitted on rows of the test range
  shared_keys,   ///< entities stand on both sides of a split
};

std::string_view constexpr name_of(Leak leak) noexcept {
  switch (leak) {
    case Leak::availability: return "availability";
    case Leak::giveaway: return "giveaway";
    case Leak::future_fit: return "future_fit";
    case Leak::shared_keys: return "shared_keys";
  }
  return "?";
}

/// Something that leaks.
struct LeakageFinding {
  Leak leak = Leak::availability;
  std::string name;      ///< of the column, statistic or key
  double value = 0.0;    ///< what was measured
  double limit = 0.0;    ///< what it may be at most
  std::size_t rows = 0;  ///< that show it
  std::string text;      ///< a sentence with the numbers
};

/// Looks for leakage in a training set, and keeps what it finds. None of the checks proves that there is none.
///
///     LeakageChecks checks;
///     checks.availability("chargebacks", decided_at, available_at);
///     checks.giveaway("refund", refunds, labels);
///     for (const LeakageFinding& finding : checks.findings()) print(finding.text);
class LeakageChecks {
 public:
  struct Options {
    double max_auc = 0.99;      ///< area under the ROC curve of one column, either way round; in (0.5, 1]
    std::size_t min_rows = 20;  ///< of each class, before an area is judged: few rows are told apart by chance; at least 2
    double max_shared = 0.0;    ///< part of the test rows whose entity was trained on; in [0, 1)
  };

  RTML_API LeakageChecks();
  /// @throws ConfigError for options out of range.
  RTML_API explicit LeakageChecks(const Options& options);

  /// Finds rows of which the feature became available after the decision. Value: their part of all; limit: 0. O(n)
  /// @throws ConfigError for spans of different lengths.
  RTML_API void availability(std::string_view column, std::span<const Time> decided_at, std::span<const Time> available_at);

  /// Finds a column that is the label in every row where it is not NaN; and, for labels of 0 and 1 only, one whose values, or whose being
  /// there, order the classes with an area of `max_auc` or more. Ties count half. Value: the area, or 1. O(n log n)
  /// @throws ConfigError for spans of different lengths.
  RTML_API void giveaway(std::string_view column, std::span<const double> values, std::span<const double> labels);

  /// Finds statistics (a scaler, an encoder, quantiles) that have seen rows up to `newest_row` when only those before the split's train_end
  /// were known. Value: by how many seconds; limit: 0.
  RTML_API void future_fit(std::string_view statistic, Time newest_row, const TemporalSplit& split);

  /// Finds entities of the test rows among the training rows: they are recognised, not predicted, when the model has to serve new ones. Value:
  /// their part of the test rows. O(n)
  RTML_API void shared_keys(std::string_view key, const EntityKeys& train, const EntityKeys& test);

  std::span<const LeakageFinding> findings() const noexcept { return findings_; }

 private:
  void judge_area(std::string_view column, double area, std::size_t rows, std::string_view what);

  Options options_;
  std::vector<LeakageFinding> findings_;
};

}  // namespace rtml
