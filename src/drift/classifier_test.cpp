#include "rtml/drift/classifier_test.hpp"

#include "rtml/core/finite.hpp"

#include "stats/deviance.hpp"

namespace rtml::drift::detail {

namespace {

/// P(X >= k) for k heads of n fair coins.
double fair_coin_tail(double k, double n) noexcept {
  if (k <= 0.0) return 1.0;
  if (2.0 * k <= n) return 1.0 - fair_coin_tail(n - k + 1.0, n);  // at most k - 1 heads are at least n - k + 1 tails
  double term = stats::detail::binomial_pmf(k, n, 0.5 * n, 0.5 * n);
  double sum = 0.0;
  for (double i = k; i <= n && term > 1e-18 * sum; i += 1.0) {
    sum += term;
    term *= (n - i) / (i + 1.0);
  }
  return std::min(1.0, sum);
}

/// Chance that a score of a current row is above one of the reference, ties as half.
double auc(std::span<const float> scores, std::span<const std::uint8_t> current) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [scores](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double below = 0.0;
  double wins = 0.0;
  double all_current = 0.0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    double of_reference = 0.0;
    double of_current = 0.0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      (current[order[end]] == 1 ? of_current : of_reference) += 1.0;
    wins += of_current * (below + 0.5 * of_reference);
    below += of_reference;
    all_current += of_current;
  }
  return below > 0.0 && all_current > 0.0 ? wins / (below * all_current) : 0.5;
}

}  // namespace

TwoSample classifier_result(std::span<const float> scores, std::span<const std::uint8_t> current) {
  if (std::any_of(scores.begin(), scores.end(), [](float score) { return is_nan(score); })) return {};  // they have no order
  std::size_t right = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) right += (scores[i] >= 0.5F) == (current[i] == 1) ? 1U : 0U;
  const auto n = static_cast<double>(scores.size());
  const auto k = static_cast<double>(right);
  return {k / n, fair_coin_tail(k, n), std::max(0.0, 2.0 * auc(scores, current) - 1.0)};
}

}  // namespace rtml::drift::detail
