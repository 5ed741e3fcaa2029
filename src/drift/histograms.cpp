#include "rtml/drift/histograms.hpp"

#include "rtml/stats/quantile_bins.hpp"

#include "drift/pooled.hpp"

namespace rtml::drift {

Histograms quantile_histograms(std::span<const double> reference, std::span<const double> current, std::size_t count) {
  const stats::QuantileBins bins(reference, count);
  Histograms histograms{std::vector<std::uint64_t>(bins.size()), std::vector<std::uint64_t>(bins.size())};
  bins.count(reference, histograms.reference);
  bins.count(current, histograms.current);
  if (histograms.reference.back() == 0 && histograms.current.back() == 0) {
    histograms.reference.pop_back();
    histograms.current.pop_back();
  }
  return histograms;
}

Histograms category_histograms(std::span<const double> reference, std::span<const double> current) {
  Histograms histograms;
  for (const Run& run : pooled(reference, current)) {
    histograms.reference.push_back(run.a);
    histograms.current.push_back(run.b);
  }
  return histograms;
}

}  // namespace rtml::drift
