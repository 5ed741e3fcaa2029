#include "rtml/ab/proportions.hpp"

#include <cmath>
#include <limits>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::ab {

namespace {
constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
}  // namespace

ProportionTest two_proportion_z_test(std::uint64_t successes_a, std::uint64_t n_a, std::uint64_t successes_b, std::uint64_t n_b,
                                     double confidence) {
  require("two_proportion_z_test", "successes_a", successes_a, successes_a <= n_a, "<= n_a");
  require("two_proportion_z_test", "successes_b", successes_b, successes_b <= n_b, "<= n_b");
  require("two_proportion_z_test", "confidence", confidence, confidence > 0.0 && confidence < 1.0, "in (0, 1)");
  if (n_a == 0 || n_b == 0) return {undefined, undefined, undefined, {undefined, undefined}};

  const auto na = static_cast<double>(n_a);
  const auto nb = static_cast<double>(n_b);
  const double a = static_cast<double>(successes_a) / na;
  const double b = static_cast<double>(successes_b) / nb;
  const double pooled = (static_cast<double>(successes_a) + static_cast<double>(successes_b)) / (na + nb);
  const double pooled_error = std::sqrt(pooled * (1.0 - pooled) * (1.0 / na + 1.0 / nb));
  const double error = std::sqrt(a * (1.0 - a) / na + b * (1.0 - b) / nb);

  ProportionTest test;
  test.difference = b - a;
  const double margin = -stats::normal_quantile((1.0 - confidence) / 2.0) * error;
  test.ci = {test.difference - margin, test.difference + margin};
  test.z = pooled_error > 0.0 ? test.difference / pooled_error : undefined;
  test.p_value = pooled_error > 0.0 ? 2.0 * stats::normal_sf(std::abs(test.z)) : undefined;
  return test;
}

SampleRatioTest sample_ratio_test(std::span<const std::uint64_t> counts, std::span<const double> weights) {
  require("sample_ratio_test", "weights", weights.size(), weights.size() == counts.size(), "one for each count");
  double total_weight = 0.0;
  double total = 0.0;
  for (std::size_t arm = 0; arm < counts.size(); ++arm) {
    require("sample_ratio_test", "weight", weights[arm], is_usable(weights[arm]) && weights[arm] >= 0.0, ">= 0");
    total_weight += weights[arm];
    total += static_cast<double>(counts[arm]);
  }
  require("sample_ratio_test", "sum of the weights", total_weight, total_weight > 0.0, "> 0");

  SampleRatioTest test;
  test.freedom = -1.0;
  bool impossible = false;
  for (std::size_t arm = 0; arm < counts.size(); ++arm) {
    if (!(weights[arm] > 0.0)) {
      impossible = impossible || counts[arm] != 0;
      continue;
    }
    const double expected = weights[arm] / total_weight * total;
    const double distance = static_cast<double>(counts[arm]) - expected;
    if (expected > 0.0) test.chi2 += distance * distance / expected;
    test.freedom += 1.0;
  }
  if (impossible) {
    test.p_value = 0.0;
  } else {
    test.p_value = total > 0.0 && test.freedom > 0.0 ? stats::chi2_sf(test.chi2, test.freedom) : undefined;
  }
  return test;
}

}  // namespace rtml::ab
