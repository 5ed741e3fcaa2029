// Drift by itself: detectors on one stream, and distances between two samples.

#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  Rng rng(7);

  // The error rate of a model doubles at event 5000. Which value shows it?
  drift::Adwin adwin;
  int alarm = -1;
  for (int i = 0; i < 10'000 && alarm < 0; ++i) {
    const double error = rng.uniform() < (i < 5000 ? 0.1 : 0.2) ? 1.0 : 0.0;
    if (adwin.update(error) == Change::drift) alarm = i;
  }
  fmt::print("ADWIN: drift at {}\n", alarm);

  // Did the amounts of this week come from last month's distribution?
  std::vector<double> month(5000);
  std::vector<double> week(1000);
  for (double& value : month) value = rng.normal();
  for (double& value : week) value = 0.3 + rng.normal();
  const drift::TwoSample ks = drift::ks(month, week);
  const drift::TwoSample psi = drift::psi(month, week);
  fmt::print("KS  {:.3f} (p = {:.2g})\nPSI {:.3f} (p = {:.2g})\n", ks.statistic, ks.p_value, psi.statistic, psi.p_value);
  return alarm >= 5000 && alarm < 6000 && ks.p_value < 1e-6 && psi.p_value < 1e-6 ? 0 : 1;
}
