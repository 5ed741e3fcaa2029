#include "rtml/drift/classifier_test.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/linear.hpp"

#include "support/catch.hpp"

using rtml::Batch;
using rtml::drift::classifier_test;
using rtml::drift::detail::classifier_result;

namespace {

rtml::LogisticRegression learner_of_two() {
  rtml::LogisticRegression learner;
  learner.bind(rtml::Schema::numeric(2));
  return learner;
}

std::vector<float> normal_rows(std::uint64_t seed, std::size_t rows, double shift = 0.0) {
  rtml::Rng rng(seed);
  std::vector<float> values(2 * rows);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(rng.normal() + (i % 2 == 0 ? shift : 0.0));
  return values;
}

/// Learns which label it saw more often, and calls everything the other one.
struct Contrarian {
  double sum = 0.0;

  void bind(const rtml::Schema&) noexcept {}
  rtml::Task task() const noexcept { return rtml::Task::binary; }
  std::uint64_t refused() const noexcept { return 0; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  float predict(const rtml::Features&) const noexcept { return sum < 0.0 ? 1.0F : 0.0F; }
  float learn(const rtml::Features& x, float y, float = 1.0F) noexcept {
    sum += y == 1.0F ? 1.0 : -1.0;
    return predict(x);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Contrarian", 1);
    ar(self.sum);
  }
};

Batch batch_of_two(const std::vector<float>& values) { return {values.data(), values.size() / 2, 2}; }

}  // namespace

TEST_CASE("classifier_test tells moved rows from those of the reference, and is as sure as it is right", "[drift]") {
  const auto reference = normal_rows(1, 600);
  double last = 1.1;
  double last_effect = -0.1;
  for (const double shift : {0.5, 1.0, 3.0}) {
    CAPTURE(shift);
    const auto current = normal_rows(2, 600, shift);
    const auto result = classifier_test(learner_of_two(), batch_of_two(reference), batch_of_two(current));
    CHECK(result.p_value < last);
    CHECK(result.effect > last_effect);
    // The best there is: accuracy Phi(shift / 2), AUC Phi(shift / sqrt 2).
    CHECK(result.statistic == Approx(0.5 * std::erfc(-shift / 2.0 / std::sqrt(2.0))).margin(0.06));
    CHECK(result.effect == Approx(std::erf(shift / 2.0)).margin(0.1));
    last = result.p_value;
    last_effect = result.effect;
  }
  CHECK(last < 1e-50);
}

TEST_CASE("classifier_test keeps its level when nothing drifts, for equal and for very unequal samples", "[drift][property]") {
  const int runs = 500;
  for (const std::size_t current_rows : {60u, 300u}) {
    CAPTURE(current_rows);
    int alarms = 0;
    int below_half = 0;
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
      const auto reference = normal_rows(2 * seed, 60);
      const auto current = normal_rows(2 * seed + 1, current_rows);
      const double p = classifier_test(learner_of_two(), batch_of_two(reference), batch_of_two(current), {.seed = seed}).p_value;
      alarms += p <= 0.05 ? 1 : 0;
      below_half += p <= 0.5 ? 1 : 0;
    }
    CHECK(alarms >= 8);  // P(X >= 20) = 0.049 for 30 coins
    CHECK(alarms <= 40);
    CHECK(below_half >= 180);
    CHECK(below_half <= 280);
  }
}

TEST_CASE("classifier_test keeps its level for a learner that goes by how many rows of each sample it learned from", "[drift][property]") {
  const auto rows = normal_rows(1, 60);
  int above_half = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    above_half += classifier_test(Contrarian(), batch_of_two(rows), batch_of_two(rows), {.seed = seed}).statistic > 0.5 ? 1 : 0;
  CHECK(above_half >= 60);
  CHECK(above_half <= 115);  // P(X > 15) = 0.43 for 30 coins
}

TEST_CASE("classifier_test answers the same for the same seed", "[drift]") {
  const auto reference = normal_rows(1, 100);
  const auto current = normal_rows(2, 150, 0.3);
  const auto with = [&](std::uint64_t seed) {
    return classifier_test(learner_of_two(), batch_of_two(reference), batch_of_two(current), {.seed = seed});
  };
  CHECK(with(1).statistic == with(1).statistic);
  CHECK(with(1).effect == with(1).effect);
  CHECK(with(1).effect != with(2).effect);
}

TEST_CASE("the p-value of a classifier_test is the chance of as many heads, its effect 2 AUC - 1 with ties as half", "[drift]") {
  const std::vector<std::uint8_t> labels{0, 0, 0, 1, 1, 1, 1, 0, 1, 0};
  const std::vector<float> scores{0.1F, 0.2F, 0.7F, 0.9F, 0.8F, 0.6F, 0.4F, 0.3F, 0.7F, 0.0F};
  const auto result = classifier_result(scores, labels);
  CHECK(result.statistic == Approx(0.8));
  CHECK(result.p_value == Approx(56.0 / 1024.0).epsilon(1e-12));  // 45 + 10 + 1
  // Current 0.9, 0.8 beat 5; 0.6, 0.4 beat 4; 0.7 beats 4 and ties: 22.5 of 25.
  CHECK(result.effect == Approx(2.0 * 22.5 / 25.0 - 1.0));
  const auto none = classifier_result(std::vector<float>{0.9F, 0.1F}, std::vector<std::uint8_t>{0, 1});
  CHECK(none.p_value == 1.0);
  CHECK(none.effect == 0.0);
  const auto half = classifier_result(std::vector<float>{0.9F, 0.9F}, std::vector<std::uint8_t>{0, 1});
  CHECK(half.p_value == Approx(0.75));
  CHECK(half.effect == 0.0);
  const std::vector<float> high(2000, 1.0F);
  CHECK(classifier_result(high, std::vector<std::uint8_t>(2000, 1)).p_value == 0.0);  // 2^-2000
  CHECK(classifier_result(std::span(high).first(1000), std::vector<std::uint8_t>(1000, 1)).p_value ==
        Approx(std::exp2(-1000.0)).epsilon(1e-11).margin(0.0));
}

TEST_CASE("scores that are NaN leave a classifier_test without a result", "[drift]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& scores : {std::vector<float>{nan, 0.9F, 0.1F}, std::vector<float>{0.2F, nan, nan}}) {
    const auto result = classifier_result(scores, std::vector<std::uint8_t>{0, 1, 1});
    CHECK(rtml::is_nan(result.statistic));
    CHECK(rtml::is_nan(result.p_value));
    CHECK(rtml::is_nan(result.effect));
  }
}

TEST_CASE("classifier_test names the option that is out of range, and knows nothing of too few rows", "[drift][config]") {
  const auto rows = normal_rows(1, 20);
  const auto with = [&](const rtml::drift::ClassifierTestOptions& options) {
    return classifier_test(learner_of_two(), batch_of_two(rows), batch_of_two(rows), options);
  };
  CHECK_THROWS_WITH(with({.test = 0.6}), "classifier_test: test is 0.6, must be in (0, 0.5]");
  CHECK_THROWS_WITH(with({.test = 0.0}), "classifier_test: test is 0, must be in (0, 0.5]");
  CHECK_THROWS_WITH(with({.passes = 0}), "classifier_test: passes is 0, must be >= 1");
  rtml::LinearRegression regression;
  regression.bind(rtml::Schema::numeric(2));
  CHECK_THROWS_WITH(classifier_test(regression, batch_of_two(rows), batch_of_two(rows)),
                    "classifier_test: task is \"regression\", must be binary");
  CHECK(rtml::is_nan(classifier_test(learner_of_two(), batch_of_two(rows), Batch(0)).p_value));
}
