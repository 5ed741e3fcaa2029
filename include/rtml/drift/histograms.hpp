#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/export.hpp"

namespace rtml::drift {

/// Counts of two samples over the same bins.
struct Histograms {
  std::vector<std::uint64_t> reference;
  std::vector<std::uint64_t> current;
};

/// Over `bins` bins of equal share of the reference: outer bins open, ties merged, and one more for missing values (NaN) when there are
/// any (stats/quantile_bins.hpp). O((n + m) log n).
/// @throws ConfigError unless 2 <= bins <= 65536
RTML_API Histograms quantile_histograms(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10);

/// Over the values themselves, as codes of categories: ascending, those that only one side has included, missing (NaN) last when there
/// are any. O((n + m) log(n + m)).
RTML_API Histograms category_histograms(std::span<const double> reference, std::span<const double> current);

}  // namespace rtml::drift
