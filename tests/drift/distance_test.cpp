#include "rtml/drift/distance.hpp"

#include <algorithm>
#include <numbers>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/anderson_darling.hpp"
#include "rtml/drift/contingency.hpp"
#include "rtml/drift/cramer_von_mises.hpp"
#include "rtml/drift/energy.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/histograms.hpp"
#include "rtml/drift/ks.hpp"
#include "rtml/drift/mmd.hpp"
#include "rtml/drift/wasserstein.hpp"

#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml::drift;

TEST_CASE("measure takes a distance by name, with its options", "[drift]") {
  const auto a = rtml::testing::gaussian(1, 300);
  const auto b = rtml::testing::gaussian(2, 200);
  const auto same = [](std::span<const double> x, std::span<const double> y, std::string_view spec, const TwoSample& expected) {
    CAPTURE(spec);
    const auto result = measure(rtml::Spec(spec), x, y);
    CHECK(result.statistic == expected.statistic);
    CHECK(result.p_value == expected.p_value);
    CHECK(result.effect == expected.effect);
  };
  same(a, b, "ks", ks(a, b));
  same(a, b, "ks:method=exact", ks(a, b, KsMethod::exact));
  same(a, b, "ks:method=asymptotic", ks(a, b, KsMethod::asymptotic));
  same(a, b, "ks:method=limit,direction=fall", ks(a, b, KsMethod::limit, Direction::fall));
  same(a, b, "ks:direction=rise", ks(a, b, KsMethod::exact, Direction::rise));
  same(a, b, "psi", psi(a, b));
  same(a, b, "psi:bins=5", psi(a, b, 5));
  same(a, b, "js", jensen_shannon(a, b));
  same(a, b, "js:bins=5,form=divergence,base=2.718281828459045", jensen_shannon(a, b, 5, JsForm::divergence, std::numbers::e));
  same(a, b, "kl:bins=6", kl(a, b, 6));
  same(a, b, "hellinger:bins=6", hellinger(a, b, 6));
  same(a, b, "total_variation", total_variation(a, b));
  same(a, b, "wasserstein", wasserstein(a, b));
  same(a, b, "wasserstein:scale=robust,permutations=99,seed=5", wasserstein(a, b, WassersteinScale::robust, {99, 5}));
  same(a, b, "wasserstein:scale=deviation", wasserstein(a, b, WassersteinScale::deviation));
  same(a, b, "energy:permutations=99,seed=5", energy(a, b, {99, 5}));
  same(a, b, "cvm:method=asymptotic", cramer_von_mises(a, b, CvmMethod::asymptotic));
  const auto few = std::span<const double>(a).first(9);
  same(few, std::span<const double>(b).first(7), "cvm:method=exact",
       cramer_von_mises(few, std::span<const double>(b).first(7), CvmMethod::exact));
  same(a, b, "anderson_darling", anderson_darling(a, b));
  same(a, b, "anderson_darling:ties=right", anderson_darling(a, b, Ties::right));
  same(a, b, "mmd:permutations=19", mmd(a, b, {.permutations = {19, 1}}));
  same(a, b, "mmd:estimator=linear,bandwidth=0.5", mmd(a, b, {.estimator = MmdEstimator::linear, .bandwidth = 0.5}));
  same(a, b, "mmd:estimator=biased,permutations=9,seed=4", mmd(a, b, {.estimator = MmdEstimator::biased, .permutations = {9, 4}}));
  const Histograms tens = quantile_histograms(a, b);
  same(a, b, "chi2:bins=10", chi2(tens.reference, tens.current));
  CHECK(ks(a, b).p_value != ks(a, b, KsMethod::asymptotic).p_value);
}

TEST_CASE("measure takes each value for a category where there are no bins", "[drift]") {
  const std::vector<double> a{1, 1, 1, 1, 1, 1, 1, 1, 2, 2};
  const std::vector<double> b{2, 2, 2, 1, 2, 1, 2, 1, 2, 2};
  const auto of = [&](std::string_view spec) { return measure(rtml::Spec(spec), a, b); };
  const std::vector<std::uint64_t> reference{8, 2};
  const std::vector<std::uint64_t> current{3, 7};
  CHECK(of("chi2").statistic == chi2(reference, current).statistic);
  CHECK(of("chi2:correction=yates").statistic == chi2(reference, current, Correction::yates).statistic);
  CHECK(of("g_test").statistic == g_test(reference, current).statistic);
  CHECK(of("fisher").statistic == fisher_exact(reference, current).statistic);
  CHECK(of("cramers_v").statistic == cramers_v(reference, current).statistic);
  CHECK(of("cramers_v:form=plain").statistic == cramers_v(reference, current, VForm::plain).statistic);
  CHECK(of("psi:bins=0").statistic == psi(reference, current).statistic);
  CHECK(of("js:bins=0").statistic == jensen_shannon(reference, current).statistic);
  CHECK(of("kl:bins=0").statistic == kl(reference, current).statistic);
}

TEST_CASE("every distance that has a name takes samples, tells equal from moved, and has a p-value", "[drift]") {
  rtml::Rng rng(1);
  std::vector<double> a(150);
  std::vector<double> b(150);
  for (double& value : a) value = static_cast<double>(rng.below(2));
  for (double& value : b) value = rng.uniform() < 0.9 ? 1.0 : 0.0;
  CHECK(distance_names().size() == 15);
  for (const auto name : distance_names()) {
    CAPTURE(name);
    const auto moved = measure(rtml::Spec(name), a, b);
    CHECK(moved.p_value <= 0.01);
    CHECK(moved.p_value >= 0.0);
    CHECK(moved.effect > 0.0);
    const auto equal = measure(rtml::Spec(name), a, a);
    CHECK(equal.p_value > 0.2);
    CHECK(equal.effect <= 1e-7);
    CHECK(rtml::is_nan(measure(rtml::Spec(name), a, {}).p_value));
  }
}

TEST_CASE("every distance that a monitor keeps is found by its name", "[drift]") {
  for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) {
    CHECK(distance_named(name_of(distance)) == distance);
    CHECK(std::count(distance_names().begin(), distance_names().end(), name_of(distance)) == 1);
  }
  CHECK_THROWS_WITH(distance_named("kl"), "distance: name is \"kl\", must be one of psi, js, ks");
}

TEST_CASE("measure names what it does not know, and what it knows", "[drift][config]") {
  const std::vector<double> one{1.0};
  const auto of = [&](std::string_view spec) { return measure(rtml::Spec(spec), one, one); };
  CHECK_THROWS_WITH(of("emd"),
                    "distance: name is \"emd\", must be one of ks, psi, js, kl, wasserstein, energy, cvm, anderson_darling, hellinger, "
                    "total_variation, chi2, g_test, fisher, cramers_v, mmd");
  CHECK_THROWS_WITH(of("ks:method=fast"), "ks: method is \"fast\", must be automatic, exact, asymptotic or limit");
  CHECK_THROWS_WITH(of("ks:direction=up"), "ks: direction is \"up\", must be both, rise or fall");
  CHECK_THROWS_WITH(of("js:form=root"), "js: form is \"root\", must be distance or divergence");
  CHECK_THROWS_WITH(of("psi:bins=1"), "psi: bins is 1, must be in [2, 65536], or 0: each value is a category");
  CHECK_THROWS_WITH(of("psi:base=2"), "psi: option is \"base\", must be one of bins");
  CHECK_THROWS_WITH(of("energy:permutations=-1"), "energy: permutations is -1, must be >= 0");
  CHECK_THROWS_WITH(of("wasserstein:scale=iqr"), "wasserstein: scale is \"iqr\", must be none, deviation or robust");
}
