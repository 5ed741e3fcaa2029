#include "rtml/drift/distance.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/drift/anderson_darling.hpp"
#include "rtml/drift/contingency.hpp"
#include "rtml/drift/cramer_von_mises.hpp"
#include "rtml/drift/energy.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/histograms.hpp"
#include "rtml/drift/ks.hpp"
#include "rtml/drift/mmd.hpp"
#include "rtml/drift/wasserstein.hpp"

namespace rtml::drift {

namespace {

using Sample = std::span<const double>;
using Counts = std::span<const std::uint64_t>;

/// The value of an option that is one of a few words, the first by default.
template <class T, std::size_t N>
T choice(Spec& spec, std::string_view key, const std::array<std::pair<std::string_view, T>, N>& choices) {
  const std::string word = spec.text(key, choices.front().first);
  std::string rule;
  for (std::size_t i = 0; i < N; ++i) {
    if (word == choices[i].first) return choices[i].second;
    if (i > 0) rule += i + 1 == N ? " or " : ", ";
    rule += choices[i].first;
  }
  require(spec.name(), key, word, false, rule);
  return choices.front().second;
}

Permutations permutations_of(Spec& spec, Permutations otherwise) {
  const auto count = spec.integer("permutations", static_cast<std::int64_t>(otherwise.count), 0, 1'000'000'000);
  const auto seed = spec.integer("seed", static_cast<std::int64_t>(otherwise.seed), 0);
  return {static_cast<std::size_t>(count), static_cast<std::uint64_t>(seed)};
}

std::size_t bin_count(Spec& spec, std::int64_t otherwise) {
  const std::int64_t bins = spec.integer("bins", otherwise);
  require(spec.name(), "bins", bins, bins == 0 || (bins >= 2 && bins <= 65536), "in [2, 65536], or 0: each value is a category");
  return static_cast<std::size_t>(bins);
}

Histograms histograms(std::size_t bins, Sample a, Sample b) {
  return bins == 0 ? category_histograms(a, b) : quantile_histograms(a, b, bins);
}

/// A distance of counts that has no options but the bins.
template <TwoSample (*F)(Counts, Counts), std::int64_t Bins>
TwoSample of_counts(Spec& spec, Sample a, Sample b) {
  const std::size_t bins = bin_count(spec, Bins);
  spec.finish();
  const Histograms counts = histograms(bins, a, b);
  return F(counts.reference, counts.current);
}

TwoSample ks_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, KsMethod>, 4> methods{
      {{"automatic", KsMethod::automatic}, {"exact", KsMethod::exact}, {"asymptotic", KsMethod::asymptotic}, {"limit", KsMethod::limit}}};
  constexpr std::array<std::pair<std::string_view, Direction>, 3> directions{
      {{"both", Direction::both}, {"rise", Direction::rise}, {"fall", Direction::fall}}};
  const KsMethod method = choice(spec, "method", methods);
  const Direction direction = choice(spec, "direction", directions);
  spec.finish();
  return ks(a, b, method, direction);
}

TwoSample cvm_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, CvmMethod>, 3> methods{
      {{"automatic", CvmMethod::automatic}, {"exact", CvmMethod::exact}, {"asymptotic", CvmMethod::asymptotic}}};
  const CvmMethod method = choice(spec, "method", methods);
  spec.finish();
  return cramer_von_mises(a, b, method);
}

TwoSample anderson_darling_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, Ties>, 2> all{{{"midrank", Ties::midrank}, {"right", Ties::right}}};
  const Ties ties = choice(spec, "ties", all);
  spec.finish();
  return anderson_darling(a, b, ties);
}

TwoSample wasserstein_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, WassersteinScale>, 3> scales{
      {{"none", WassersteinScale::none}, {"deviation", WassersteinScale::deviation}, {"robust", WassersteinScale::robust}}};
  const WassersteinScale scale = choice(spec, "scale", scales);
  const Permutations permutations = permutations_of(spec, {});
  spec.finish();
  return wasserstein(a, b, scale, permutations);
}

TwoSample energy_of(Spec& spec, Sample a, Sample b) {
  const Permutations permutations = permutations_of(spec, {});
  spec.finish();
  return energy(a, b, permutations);
}

TwoSample js_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, JsForm>, 2> forms{{{"distance", JsForm::distance}, {"divergence", JsForm::divergence}}};
  const std::size_t bins = bin_count(spec, 10);
  const JsForm form = choice(spec, "form", forms);
  const double base = spec.number("base", 2.0);
  spec.finish();
  const Histograms counts = histograms(bins, a, b);
  return jensen_shannon(Counts(counts.reference), Counts(counts.current), form, base);
}

TwoSample chi2_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, Correction>, 2> corrections{{{"none", Correction::none}, {"yates", Correction::yates}}};
  const std::size_t bins = bin_count(spec, 0);
  const Correction correction = choice(spec, "correction", corrections);
  spec.finish();
  const Histograms counts = histograms(bins, a, b);
  return chi2(counts.reference, counts.current, correction);
}

TwoSample cramers_v_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, VForm>, 2> forms{{{"corrected", VForm::corrected}, {"plain", VForm::plain}}};
  const std::size_t bins = bin_count(spec, 0);
  const VForm form = choice(spec, "form", forms);
  spec.finish();
  const Histograms counts = histograms(bins, a, b);
  return cramers_v(counts.reference, counts.current, form);
}

TwoSample mmd_of(Spec& spec, Sample a, Sample b) {
  constexpr std::array<std::pair<std::string_view, MmdEstimator>, 3> estimators{
      {{"unbiased", MmdEstimator::unbiased}, {"biased", MmdEstimator::biased}, {"linear", MmdEstimator::linear}}};
  MmdOptions options;
  options.estimator = choice(spec, "estimator", estimators);
  options.bandwidth = spec.number("bandwidth", options.bandwidth);
  options.permutations = permutations_of(spec, options.permutations);
  spec.finish();
  return mmd(a, b, options);
}

struct Known {
  std::string_view name;
  TwoSample (*measure)(Spec&, Sample, Sample);
};

constexpr std::array<Known, 15> known{{{"ks", ks_of},
                                       {"psi", of_counts<psi, 10>},
                                       {"js", js_of},
                                       {"kl", of_counts<kl, 10>},
                                       {"wasserstein", wasserstein_of},
                                       {"energy", energy_of},
                                       {"cvm", cvm_of},
                                       {"anderson_darling", anderson_darling_of},
                                       {"hellinger", of_counts<hellinger, 10>},
                                       {"total_variation", of_counts<total_variation, 10>},
                                       {"chi2", chi2_of},
                                       {"g_test", of_counts<g_test, 0>},
                                       {"fisher", of_counts<fisher_exact, 0>},
                                       {"cramers_v", cramers_v_of},
                                       {"mmd", mmd_of}}};

constexpr auto known_names = [] {
  std::array<std::string_view, known.size()> all;
  for (std::size_t i = 0; i < known.size(); ++i) all[i] = known[i].name;
  return all;
}();

constexpr std::array<std::string_view, 3> monitored{"psi", "js", "ks"};  // in the order of Distance

}  // namespace

std::string_view name_of(Distance distance) noexcept { return monitored[static_cast<std::size_t>(distance)]; }

Distance distance_named(std::string_view name) {
  const auto* found = std::find(monitored.begin(), monitored.end(), name);
  require("distance", "name", name, found != monitored.end(), one_of(monitored));
  return static_cast<Distance>(found - monitored.begin());
}

std::span<const std::string_view> distance_names() noexcept { return known_names; }

TwoSample measure(Spec spec, std::span<const double> reference, std::span<const double> current) {
  const auto* found = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.name == spec.name(); });
  require("distance", "name", spec.name(), found != known.end(), one_of(known_names));
  return found->measure(spec, reference, current);
}

}  // namespace rtml::drift
