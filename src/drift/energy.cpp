#include "rtml/drift/energy.hpp"

#include <cmath>
#include <vector>

#include "drift/line.hpp"

namespace rtml::drift {

TwoSample energy(std::span<const double> reference, std::span<const double> current, const Permutations& permutations) {
  const std::vector<double> a = finite_values(reference);
  const std::vector<double> b = finite_values(current);
  if (a.empty() || b.empty()) return {};
  const std::vector<Run> runs = pooled(a, b);
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const auto of_gap = [=](double gap) { return gap / (n * m) * (gap / (n * m)); };
  const double squares = gap_integral(runs, n, m, of_gap);
  double between = 0.0;  // E|X - Y|: the line up to x is passed by X alone or by Y alone
  double f = 0.0;
  double g = 0.0;
  for (std::size_t k = 0; k + 1 < runs.size(); ++k) {
    f += static_cast<double>(runs[k].a);
    g += static_cast<double>(runs[k].b);
    between += (f / n * (1.0 - g / m) + g / m * (1.0 - f / n)) * (runs[k + 1].value - runs[k].value);
  }
  return {std::sqrt(2.0 * squares), permutation_p(runs, n, m, permutations, of_gap), between > 0.0 ? squares / between : 0.0};
}

}  // namespace rtml::drift
