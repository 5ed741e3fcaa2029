#include "rtml/drift/histogram_distance.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/contingency.hpp"
#include "rtml/drift/histograms.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

using Counts = std::span<const std::uint64_t>;

double total(Counts counts) noexcept { return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})); }

void require_same_bins(std::string_view who, Counts reference, Counts current) {
  if (current.size() == reference.size()) return;  // before the message is built: the monitor asks often
  require(who, "bins", current.size(), false, "those of the reference, " + to_text(reference.size()));
}

double chi2_p(double statistic, std::size_t bins) noexcept {
  return bins < 2 ? 1.0 : stats::chi2_sf(statistic, static_cast<double>(bins - 1));
}

/// p ln(p / middle), 0 at p = 0.
double relative_entropy(double p, double middle) noexcept { return p > 0.0 ? p * std::log(p / middle) : 0.0; }

}  // namespace

double psi_null_mean(std::size_t bins, double n, double m) noexcept {
  return bins < 2 ? 0.0 : static_cast<double>(bins - 1) * (1.0 / n + 1.0 / m);
}

TwoSample psi(Counts reference, Counts current) {
  require_same_bins("psi", reference, current);
  const double n = total(reference);
  const double m = total(current);
  if (n == 0.0 || m == 0.0) return {};
  const std::size_t bins = reference.size();
  const double smoothed_n = n + 0.5 * static_cast<double>(bins);
  const double smoothed_m = m + 0.5 * static_cast<double>(bins);
  double sum = 0.0;
  for (std::size_t i = 0; i < bins; ++i) {
    const double p = (static_cast<double>(reference[i]) + 0.5) / smoothed_n;
    const double q = (static_cast<double>(current[i]) + 0.5) / smoothed_m;
    sum += (q - p) * std::log(q / p);
  }
  return {sum, chi2_p(sum / (1.0 / n + 1.0 / m), bins), std::max(0.0, sum - psi_null_mean(bins, n, m))};
}

TwoSample psi(std::span<const double> reference, std::span<const double> current, std::size_t bins) {
  const Histograms histograms = quantile_histograms(reference, current, bins);
  return psi(Counts(histograms.reference), Counts(histograms.current));
}

TwoSample jensen_shannon(Counts reference, Counts current, JsForm form, double base) {
  require_same_bins("jensen_shannon", reference, current);
  require("jensen_shannon", "base", base, is_finite(base) && base > 1.0, "finite and > 1");
  const double n = total(reference);
  const double m = total(current);
  if (n == 0.0 || m == 0.0) return {};
  double nats = 0.0;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double p = static_cast<double>(reference[i]) / n;
    const double q = static_cast<double>(current[i]) / m;
    const double middle = 0.5 * (p + q);
    nats += 0.5 * (relative_entropy(p, middle) + relative_entropy(q, middle));
    if (middle > 0.0) ++filled;
  }
  nats = std::max(0.0, nats);  // equal distributions may round below it
  const double divergence = nats / std::log(base);
  return {form == JsForm::distance ? std::sqrt(divergence) : divergence, chi2_p(8.0 * nats / (1.0 / n + 1.0 / m), filled),
          std::sqrt(nats / std::numbers::ln2)};
}

TwoSample jensen_shannon(std::span<const double> reference, std::span<const double> current, std::size_t bins, JsForm form, double base) {
  const Histograms histograms = quantile_histograms(reference, current, bins);
  return jensen_shannon(Counts(histograms.reference), Counts(histograms.current), form, base);
}

TwoSample kl(Counts reference, Counts current) {
  require_same_bins("kl", reference, current);
  const double n = total(reference);
  const double m = total(current);
  if (n == 0.0 || m == 0.0) return {};
  const std::size_t bins = reference.size();
  const double added = 0.5 * static_cast<double>(bins);
  double sum = 0.0;
  double smoothed = 0.0;
  for (std::size_t i = 0; i < bins; ++i) {
    const auto a = static_cast<double>(reference[i]);
    const auto b = static_cast<double>(current[i]);
    sum += relative_entropy(a / n, b / m);
    smoothed += relative_entropy((a + 0.5) / (n + added), (b + 0.5) / (m + added));
  }
  return {std::max(0.0, sum), chi2_p(std::max(0.0, 2.0 * smoothed / (1.0 / n + 1.0 / m)), bins),
          std::max(0.0, smoothed - 0.5 * psi_null_mean(bins, n, m))};
}

TwoSample kl(std::span<const double> reference, std::span<const double> current, std::size_t bins) {
  const Histograms histograms = quantile_histograms(reference, current, bins);
  return kl(Counts(histograms.reference), Counts(histograms.current));
}

TwoSample hellinger(Counts reference, Counts current) {
  require_same_bins("hellinger", reference, current);
  const double n = total(reference);
  const double m = total(current);
  if (n == 0.0 || m == 0.0) return {};
  double sum = 0.0;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double gap = std::sqrt(static_cast<double>(reference[i]) / n) - std::sqrt(static_cast<double>(current[i]) / m);
    sum += gap * gap;
    if (reference[i] + current[i] > 0) ++filled;
  }
  const double distance = std::sqrt(0.5 * sum);
  return {distance, chi2_p(4.0 * sum / (1.0 / n + 1.0 / m), filled), distance};
}

TwoSample hellinger(std::span<const double> reference, std::span<const double> current, std::size_t bins) {
  const Histograms histograms = quantile_histograms(reference, current, bins);
  return hellinger(Counts(histograms.reference), Counts(histograms.current));
}

TwoSample total_variation(Counts reference, Counts current) {
  require_same_bins("total_variation", reference, current);
  const double n = total(reference);
  const double m = total(current);
  if (n == 0.0 || m == 0.0) return {};
  double sum = 0.0;
  for (std::size_t i = 0; i < reference.size(); ++i)
    sum += std::abs(static_cast<double>(reference[i]) / n - static_cast<double>(current[i]) / m);
  return {0.5 * sum, chi2(reference, current).p_value, 0.5 * sum};
}

TwoSample total_variation(std::span<const double> reference, std::span<const double> current, std::size_t bins) {
  const Histograms histograms = quantile_histograms(reference, current, bins);
  return total_variation(Counts(histograms.reference), Counts(histograms.current));
}

}  // namespace rtml::drift
