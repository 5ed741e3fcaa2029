// Cost of comparing two samples of n values each through every named distance; permutations kept out. Samples are made before the clock
// starts.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/drift/distance.hpp"

namespace {

std::vector<double> normal_values(std::uint64_t seed, std::size_t size) {
  rtml::Rng rng(seed);
  std::vector<double> values(size);
  for (double& value : values) value = rng.normal();
  return values;
}

void distance(benchmark::State& state, const char* text) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto a = normal_values(1, n);
  const auto b = normal_values(2, n);
  const rtml::Spec spec(text);
  for (auto _ : state) benchmark::DoNotOptimize(rtml::drift::measure(spec, a, b).statistic);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(2 * n));
}

#define RTML_DISTANCE(name, text) BENCHMARK_CAPTURE(distance, name, text)->Arg(1000)->Arg(10000)->Unit(benchmark::kMicrosecond)

RTML_DISTANCE(ks, "ks");
RTML_DISTANCE(ks_asymptotic, "ks:method=asymptotic");
RTML_DISTANCE(cvm, "cvm");
RTML_DISTANCE(anderson_darling, "anderson_darling");
RTML_DISTANCE(wasserstein, "wasserstein:permutations=0");
RTML_DISTANCE(energy, "energy:permutations=0");
RTML_DISTANCE(psi, "psi");
RTML_DISTANCE(js, "js");
RTML_DISTANCE(chi2, "chi2:bins=10");
RTML_DISTANCE(mmd_linear, "mmd:estimator=linear");

}  // namespace
