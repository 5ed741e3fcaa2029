#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/time.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// How far the recent values of one feature, of the predictions or of the labels are from their reference.
struct FeatureDrift {
  enum class Kind : std::uint8_t { numeric, nominal, prediction, label };

  /// Which quantiles `reference_quantiles` and `current_quantiles` hold.
  static constexpr std::array<double, 7> probabilities = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
  using Quantiles = std::array<double, probabilities.size()>;
  static constexpr Quantiles no_quantiles = {unknown, unknown, unknown, unknown, unknown, unknown, unknown};

  std::string name;
  Kind kind = Kind::numeric;

  std::vector<double> edges;            ///< [bins + 1], ascending, the outer ones may be infinite; empty when bins are categories
  std::vector<std::string> categories;  ///< [bins]; empty when bins have edges
  std::vector<double> reference;        ///< [bins] counts of what is there
  std::vector<double> current;          ///< [bins] counts of the window that is judged
  double reference_missing = unknown;   ///< share of all rows, in [0, 1]
  double current_missing = unknown;     ///< the same of the window
  double unseen = unknown;              ///< share of the window in categories that the reference has not, in [0, 1]

  double effect = unknown;        ///< share of the rows that moved: the largest gap of the distribution functions at an edge, in [0, 1]
  std::uint32_t effect_edge = 0;  ///< the gap is between bins 0 .. effect_edge and those after
  double psi = unknown;           ///< population stability index, nats
  double psi_null = unknown;      ///< what `psi` is on the average when nothing drifts
  double js = unknown;            ///< Jensen-Shannon distance, base 2, in [0, 1]
  double ks = unknown;            ///< Kolmogorov-Smirnov statistic, in [0, 1]
  double wasserstein = unknown;   ///< first Wasserstein distance, in interquartile ranges of the reference

  double p = unknown;           ///< of this feature alone
  double adjusted_p = unknown;  ///< after the budget's correction for many features
  double rows = unknown;        ///< that the judgement rests on (effective, where rows weigh less than one)

  bool alarmed = false;                          ///< now
  std::uint64_t alarms = 0;                      ///< raised so far
  std::uint64_t first_alarm = 0;                 ///< event of the alarm that is on, or of the last one; of `alarms` > 0
  Time first_alarm_at{};                         ///< the epoch when the stream has no time
  std::optional<std::uint64_t> change;           ///< event at which the change is estimated to have begun
  double importance = unknown;                   ///< share of what the features do to the model's output, in [0, 1]
  Quantiles reference_quantiles = no_quantiles;  ///< at `probabilities`
  Quantiles current_quantiles = no_quantiles;

  /// False of predictions and labels.
  bool is_feature() const noexcept { return kind <= Kind::nominal; }

  /// What the drift may do to the model: effect times importance; unknown when one of them is.
  double impact() const noexcept { return effect * importance; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FeatureDrift", 1);
    ar(self.name, self.kind, self.edges, self.categories, self.reference, self.current);
    ar.check(self.kind <= Kind::label, "kind");
    ar(self.reference_missing, self.current_missing, self.unseen, self.effect, self.effect_edge);
    ar(self.psi, self.psi_null, self.js, self.ks, self.wasserstein, self.p, self.adjusted_p, self.rows);
    ar(self.alarmed, self.alarms, self.first_alarm, self.first_alarm_at, self.change, self.importance);
    ar(self.reference_quantiles, self.current_quantiles);
  }
};

constexpr std::string_view name_of(FeatureDrift::Kind kind) noexcept {
  switch (kind) {
    case FeatureDrift::Kind::numeric: return "numeric";
    case FeatureDrift::Kind::nominal: return "nominal";
    case FeatureDrift::Kind::prediction: return "prediction";
    case FeatureDrift::Kind::label: return "label";
  }
  return "";
}

}  // namespace rtml::monitor
