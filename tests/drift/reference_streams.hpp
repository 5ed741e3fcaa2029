// The streams of reference/stream_reference.hpp, bit for bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/core/concepts.hpp"

#include "drift/reference/stream_reference.hpp"

namespace rtml::testing {

/// splitmix64 as the sum of 53-bit uniforms needs it: no libm, the same doubles everywhere.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}

  double uniform() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31U)) >> 11U) * 0x1.0p-53;
  }

  double bernoulli(double p) { return uniform() < p ? 1.0 : 0.0; }

  double gauss(double mean, double deviation) {  // Irwin-Hall, 12 terms
    double sum = 0.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return mean + deviation * (sum - 6.0);
  }

 private:
  std::uint64_t state_;
};

inline std::vector<double> reference_stream(const StreamReference& stream) {
  std::vector<double> values;
  for (const char digit : stream.digits) values.push_back(digit - '0');
  if (!values.empty()) return values;

  SplitMix random(stream.seed);
  const auto bernoulli = [&](std::size_t n, double p) {
    for (std::size_t i = 0; i < n; ++i) values.push_back(random.bernoulli(p));
  };
  const auto gauss = [&](std::size_t n, double mean, double deviation) {
    for (std::size_t i = 0; i < n; ++i) values.push_back(random.gauss(mean, deviation));
  };
  if (stream.name == "bern_abrupt_0.2_0.6") bernoulli(1000, 0.2), bernoulli(1000, 0.6);
  if (stream.name == "bern_abrupt_0.1_0.2") bernoulli(5000, 0.1), bernoulli(5000, 0.2);
  if (stream.name == "bern_gradual_0.1_0.5") {
    bernoulli(2000, 0.1);
    for (int i = 0; i < 2000; ++i) bernoulli(1, 0.1 + 0.4 * (i / 2000.0));
    bernoulli(2000, 0.5);
  }
  if (stream.name == "bern_recurring_0.1_0.4") bernoulli(1500, 0.1), bernoulli(1500, 0.4), bernoulli(1500, 0.1), bernoulli(1500, 0.4);
  if (stream.name == "bern_decrease_0.6_0.2") bernoulli(1000, 0.6), bernoulli(1000, 0.2);
  if (stream.name == "bern_stationary_0.2") bernoulli(20000, 0.2);
  if (stream.name == "bern_stationary_0.5") bernoulli(20000, 0.5);
  if (stream.name == "const_0_1") values.assign(2000, 0.0), std::fill(values.begin() + 1000, values.end(), 1.0);
  if (stream.name == "alternating")
    for (int i = 0; i < 4000; ++i) values.push_back(i % 2);
  if (stream.name == "gauss_mean_0_1") gauss(1000, 0.0, 1.0), gauss(1000, 1.0, 1.0);
  if (stream.name == "gauss_var_1_3") gauss(1000, 0.0, 1.0), gauss(1000, 0.0, 3.0);
  if (stream.name == "gauss_stationary") gauss(3000, 0.0, 1.0);
  if (stream.name == "gauss_shifted_offset") gauss(1000, 1e9, 1.0), gauss(1000, 1e9 + 1.0, 1.0);
  return values;
}

struct Alarms {
  std::vector<std::size_t> drifts;  ///< indices, 0-based
  std::size_t warnings = 0;
};

template <ChangeDetector T>
Alarms alarms_on(T& detector, const std::vector<double>& values) {
  Alarms alarms;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Change change = detector.update(values[i]);
    if (change == Change::drift) alarms.drifts.push_back(i);
    if (change == Change::warning) ++alarms.warnings;
  }
  return alarms;
}

}  // namespace rtml::testing
