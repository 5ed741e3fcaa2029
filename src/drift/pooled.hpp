// Two samples sorted together: what the distances between samples walk along.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"

namespace rtml::drift {

/// One distinct value, and how many of each sample have it.
struct Run {
  double value;
  std::uint64_t a;
  std::uint64_t b;
};

/// Distinct values in ascending order; missing ones (NaN) are one value above all others.
inline std::vector<Run> pooled(std::span<const double> a, std::span<const double> b) {
  const auto sorted = [](std::span<const double> sample) {
    std::vector<double> values;
    values.reserve(sample.size());
    std::copy_if(sample.begin(), sample.end(), std::back_inserter(values), [](double value) { return !is_nan(value); });
    std::sort(values.begin(), values.end());
    return values;
  };
  const std::vector<double> of_a = sorted(a);
  const std::vector<double> of_b = sorted(b);
  std::vector<Run> runs;
  runs.reserve(of_a.size() + of_b.size() + 1);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < of_a.size() || j < of_b.size()) {
    const double value = j == of_b.size() || (i < of_a.size() && of_a[i] < of_b[j]) ? of_a[i] : of_b[j];
    Run run{value, 0, 0};
    for (; i < of_a.size() && of_a[i] == value; ++i) ++run.a;
    for (; j < of_b.size() && of_b[j] == value; ++j) ++run.b;
    runs.push_back(run);
  }
  const Run missing{std::numeric_limits<double>::quiet_NaN(), a.size() - of_a.size(), b.size() - of_b.size()};
  if (missing.a + missing.b > 0) runs.push_back(missing);
  return runs;
}

}  // namespace rtml::drift
