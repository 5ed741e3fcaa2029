#include "rtml/store/leakage.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "store_rows.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::card_view;
using rtml::testing::second;

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// How often a positive lies above a negative, ties half: every pair.
double plain_area(const std::vector<double>& values, const std::vector<double>& labels) {
  double above = 0.0;
  double pairs = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (labels[i] != 1.0 || labels[j] != 0.0) continue;
      pairs += 1.0;
      above += values[i] > values[j] ? 1.0 : (values[i] == values[j] ? 0.5 : 0.0);
    }
  }
  return above / pairs;
}

std::vector<double> coin_labels(std::size_t n) {
  Rng rng(n);
  std::vector<double> labels(n);
  for (double& label : labels) label = rng.below(4) == 0 ? 1.0 : 0.0;
  return labels;
}

}  // namespace

TEST_CASE("A feature that was not there at the decision is found", "[store]") {
  const std::vector<Time> decided(200, second(1000));
  std::vector<Time> available(200, second(1000));  // at that instant is in time
  LeakageChecks checks;
  checks.availability("score", decided, available);
  CHECK(checks.findings().empty());
  available[3] = second(1000) + 1us;
  available[7] = second(1090);
  checks.availability("chargebacks", decided, available);
  REQUIRE(checks.findings().size() == 1);
  const LeakageFinding& finding = checks.findings()[0];
  CHECK(finding.leak == Leak::availability);
  CHECK(finding.name == "chargebacks");
  CHECK(finding.value == 0.01);
  CHECK(finding.rows == 2);
  CHECK(finding.text == "\"chargebacks\" became available after the decision in 2 of 200 rows (1.00 %), up to 90 s after it");
}

TEST_CASE("A column that gives the label away is found, and an honest one is not", "[store]") {
  const std::vector<double> labels = coin_labels(500);
  Rng rng(5);
  std::vector<double> noise, copy, rounded, negated, refund, strong;
  for (const double label : labels) {
    noise.push_back(rng.normal());
    copy.push_back(label);
    rounded.push_back(label == 1.0 ? 2.0 + rng.uniform() : rng.uniform());
    negated.push_back(-rounded.back());
    refund.push_back(label == 1.0 ? 5.0 : nothing);  // only there when it is fraud
    strong.push_back(label + rng.normal());
  }
  LeakageChecks checks;
  checks.giveaway("noise", noise, labels);
  checks.giveaway("strong", strong, labels);
  CHECK(checks.findings().empty());
  checks.giveaway("copy", copy, labels);
  checks.giveaway("rounded", rounded, labels);
  checks.giveaway("negated", negated, labels);
  checks.giveaway("refund", refund, labels);
  REQUIRE(checks.findings().size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(checks.findings()[i].leak == Leak::giveaway);
    CHECK(checks.findings()[i].value == 1.0);
    CHECK(checks.findings()[i].rows == 500);
  }
  CHECK(checks.findings()[0].text == "\"copy\" is the label in each of the 500 rows where it is there");
  CHECK(checks.findings()[2].name == "negated");
  CHECK(checks.findings()[3].text ==
        "\"refund\" by being there or not gives the label away: its area under the ROC curve is 1.0000 over 500 rows, "
        "0.99 is suspicious");
}

TEST_CASE("The area of a column is that of all pairs", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Rng rng(seed);
    const std::vector<double> labels = coin_labels(200 + seed);
    std::vector<double> values;
    for (const double label : labels) values.push_back(static_cast<double>(rng.below(4)) + label);  // many ties
    const double area = plain_area(values, labels);
    REQUIRE(area > 0.55);
    LeakageChecks just_below(LeakageChecks::Options{.max_auc = area - 1e-9});
    just_below.giveaway("x", values, labels);
    REQUIRE(just_below.findings().size() == 1);
    CHECK(just_below.findings()[0].value == Approx(area).epsilon(1e-12));
    LeakageChecks just_above(LeakageChecks::Options{.max_auc = area + 1e-9});
    just_above.giveaway("x", values, labels);
    CHECK(just_above.findings().empty());
  }
}

TEST_CASE("Few rows, a constant label and numbers are judged with care", "[store]") {
  LeakageChecks checks;
  std::vector<double> labels(100, 0.0);
  for (std::size_t i = 0; i < 19; ++i) labels[i] = 1.0;
  std::vector<double> values;
  for (const double label : labels) values.push_back(2.0 * label);
  checks.giveaway("few", values, labels);
  CHECK(checks.findings().empty());
  labels[19] = 1.0;
  values[19] = 2.0;
  checks.giveaway("enough", values, labels);
  CHECK(checks.findings().size() == 1);
  const std::vector<double> zeros(100, 0.0);
  checks.giveaway("constant", zeros, zeros);
  CHECK(checks.findings().size() == 1);

  std::vector<double> prices, near, copy;
  for (int i = 0; i < 100; ++i) prices.push_back(1.5 * i), near.push_back(1.5 * i + 0.1), copy.push_back(i % 3 == 0 ? nothing : 1.5 * i);
  checks.giveaway("near", near, prices);
  CHECK(checks.findings().size() == 1);
  checks.giveaway("copy", copy, prices);
  REQUIRE(checks.findings().size() == 2);
  CHECK(checks.findings()[1].rows == 66);
}

TEST_CASE("Statistics fitted beyond the training range are found", "[store]") {
  TemporalSplit split;
  split.train_end = second(1000);
  split.test_begin = second(1500);
  LeakageChecks checks;
  checks.future_fit("amount | standardize", second(1000) - 1us, split);
  CHECK(checks.findings().empty());
  checks.future_fit("amount | standardize", second(1000), split);
  checks.future_fit("merchant | target", second(2000), split);
  REQUIRE(checks.findings().size() == 2);
  CHECK(checks.findings()[1].leak == Leak::future_fit);
  CHECK(checks.findings()[1].value == 1000.0);
  CHECK(checks.findings()[1].text == "\"merchant | target\" was fitted on rows up to 1000 s past the end of the training range");
}

TEST_CASE("Entities on both sides of a split are found", "[store]") {
  const FeatureView view = card_view();
  EntityKeys train, test;
  for (int i = 0; i < 50; ++i) train.append(view.key(i % 10));
  for (int i = 8; i < 28; ++i) test.append(view.key(i));
  train.append(EntityKey::from_bytes(""));
  test.append(EntityKey::from_bytes(""));  // nobody is not an entity
  LeakageChecks checks;
  checks.shared_keys("card", train, test);
  REQUIRE(checks.findings().size() == 1);
  CHECK(checks.findings()[0].rows == 2);
  CHECK(checks.findings()[0].value == Approx(2.0 / 21.0));
  CHECK(checks.findings()[0].text == "2 of 21 test rows (9.52 %) are about a \"card\" that was trained on");
  LeakageChecks tolerant(LeakageChecks::Options{.max_shared = 0.1});
  tolerant.shared_keys("card", train, test);
  CHECK(tolerant.findings().empty());
  checks.shared_keys("nobody", train, EntityKeys());
  CHECK(checks.findings().size() == 1);
}

TEST_CASE("Leakage checks refuse what cannot be checked, by name", "[store]") {
  CHECK_THROWS_AS(LeakageChecks(LeakageChecks::Options{.max_auc = 0.5}), ConfigError);
  CHECK_THROWS_AS(LeakageChecks(LeakageChecks::Options{.min_rows = 1}), ConfigError);
  CHECK_THROWS_AS(LeakageChecks(LeakageChecks::Options{.max_shared = 1.0}), ConfigError);
  LeakageChecks checks;
  CHECK_THROWS_AS(checks.giveaway("x", std::vector<double>(3), std::vector<double>(4)), ConfigError);
  CHECK_THROWS_AS(checks.availability("x", std::vector<Time>(3), std::vector<Time>(4)), ConfigError);
}
