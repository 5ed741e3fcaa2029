#include "rtml/learn/gaussian_naive_bayes.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

static_assert(ClassLearner<GaussianNaiveBayes>);

namespace {

constexpr std::size_t bayes_classes = 3;

/// Two passes over everything seen: weighted mean, then weighted squared deviations.
std::vector<double> bayes_two_pass(const std::vector<testing::OwnedExample>& seen, Features x) {
  std::vector<double> score(bayes_classes);
  double total = 0.0;
  for (const auto& example : seen) total += static_cast<double>(example.weight);
  for (std::size_t c = 0; c < bayes_classes; ++c) {
    double of_class = 0.0;
    for (const auto& example : seen)
      if (static_cast<std::size_t>(example.y) == c) of_class += static_cast<double>(example.weight);
    score[c] = std::log((of_class + 1.0) / (total + static_cast<double>(bayes_classes)));
    for (std::size_t j = 0; j < x.dense.size(); ++j) {
      if (std::isnan(x.dense[j])) continue;
      double weight = 0.0;
      double mean = 0.0;
      double deviations = 0.0;
      double same_code = 0.0;
      for (int pass = 0; pass < 2; ++pass) {
        for (const auto& example : seen) {
          const float value = example.x.dense()[j];
          if (static_cast<std::size_t>(example.y) != c || std::isnan(value)) continue;
          const double w = static_cast<double>(example.weight);
          const double v = static_cast<double>(value);
          if (pass == 0) {
            weight += w;
            mean += w * v;
            same_code += value == x.dense[j] ? w : 0.0;
          } else {
            deviations += w * (v - mean) * (v - mean);
          }
        }
        if (pass == 0) mean /= weight;
      }
      const double variance = deviations / weight;
      const double away = static_cast<double>(x.dense[j]) - mean;
      if (j == 2) {  // nominal, 4 categories
        score[c] += std::log((same_code + 1.0) / (weight + 4.0));
      } else {
        score[c] += -0.5 * std::log(variance) - 0.5 * away * away / variance;
      }
    }
  }
  double sum = 0.0;
  for (double& value : score) sum += value = std::exp(value);
  for (double& value : score) value /= sum;
  return score;
}

}  // namespace

TEST_CASE("GaussianNaiveBayes is the two-pass computation over all that it saw", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 6u));
  GaussianNaiveBayes model({.classes = bayes_classes});
  model.bind(Schema({{.name = "a"}, {.name = "b"}, {.name = "color", .kind = Column::Kind::nominal, .categories = 4}}));
  const auto stream = testing::labelled_examples({.task = Task::classes, .classes = bayes_classes, .dense = 3, .nominal = 1}, seed, 300);
  std::vector<testing::OwnedExample> seen;
  std::array<float, bayes_classes> p{};
  CAPTURE(seed);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (i >= 100 && i % 20 == 0) {
      model.predict_proba(stream[i].x, p);
      const auto truth = bayes_two_pass(seen, stream[i].x);
      for (std::size_t c = 0; c < bayes_classes; ++c) CHECK(static_cast<double>(p[c]) == Approx(truth[c]).margin(1e-5));
    }
    model.learn(stream[i].x, static_cast<int>(stream[i].y), stream[i].weight);
    seen.push_back(stream[i]);
  }
}

TEST_CASE("GaussianNaiveBayes takes weight 2 for the example twice", "[learn][metamorphic]") {
  GaussianNaiveBayes heavy;
  GaussianNaiveBayes twice;
  heavy.bind(Schema::numeric(3));
  twice.bind(Schema::numeric(3));
  std::array<float, 2> p{};
  std::array<float, 2> q{};
  for (const auto& example : testing::labelled_examples({.dense = 3}, 2, 300)) {
    heavy.predict_proba(example.x, p);
    twice.predict_proba(example.x, q);
    REQUIRE(p[1] == Approx(q[1]).margin(1e-4));
    heavy.learn(example.x, static_cast<int>(example.y), 2.0F);
    twice.learn(example.x, static_cast<int>(example.y));
    twice.learn(example.x, static_cast<int>(example.y));
  }
}

TEST_CASE("GaussianNaiveBayes keeps its variance far from zero", "[learn]") {
  GaussianNaiveBayes model;
  model.bind(Schema::numeric(1));
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const int label = i % 2;
    const std::vector<float> x = {static_cast<float>(1e6 + label + 0.25 * rng.normal())};
    model.learn({x, {}}, label);
  }
  const std::vector<float> low = {1e6F};
  const std::vector<float> high = {1e6F + 1.0F};
  CHECK(model.predict({low, {}}) == 0);
  CHECK(model.predict({high, {}}) == 1);
}

TEST_CASE("GaussianNaiveBayes learns nominal columns of unknown size, and ignores codes that are none", "[learn]") {
  GaussianNaiveBayes model;
  model.bind(Schema({{.name = "known", .kind = Column::Kind::nominal, .categories = 2}, {.name = "open", .kind = Column::Kind::nominal}}));
  for (int i = 0; i < 100; ++i) {
    const std::vector<float> x = {static_cast<float>(i % 2), static_cast<float>(1000 + i % 2)};
    model.learn({x, {}}, i % 2);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::array<float, 2> p{};
  for (const float code : {nan, -1.0F, 2.0F, 0.5F, 1e15F}) {
    const std::vector<float> x = {code, nan};
    model.predict_proba({x, {}}, p);
    CAPTURE(code);
    CHECK(p[0] == Approx(0.5F).margin(1e-5));
  }
  const std::vector<float> open = {nan, 1001.0F};
  CHECK(model.predict({open, {}}) == 1);
}

TEST_CASE("GaussianNaiveBayes names the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(GaussianNaiveBayes({.classes = 257}), "GaussianNaiveBayes: classes is 257, must be in [2, 256]");
}
