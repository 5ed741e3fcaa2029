#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// The features by how much they need a person's eye: the loop's judgement first, then PSI, JS, KS; what is unknown last. Borrowed.
inline std::vector<const FeatureDrift*> ranked(const std::vector<FeatureDrift>& features) {
  const auto known = [](double value) { return is_nan(value) ? -1.0 : value; };
  const auto weight = [known](const FeatureDrift* f) { return std::tuple(f->severity, known(f->psi), known(f->js), known(f->ks)); };
  std::vector<const FeatureDrift*> order;
  order.reserve(features.size());
  for (const FeatureDrift& feature : features) order.push_back(&feature);
  std::stable_sort(order.begin(), order.end(), [weight](const FeatureDrift* a, const FeatureDrift* b) { return weight(a) > weight(b); });
  return order;
}

}  // namespace rtml::monitor
