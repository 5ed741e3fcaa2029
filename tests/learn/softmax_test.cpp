#include "rtml/learn/softmax.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

static_assert(ClassLearner<Softmax>);

namespace {

constexpr std::size_t softmax_columns = 3;
constexpr std::size_t softmax_classes = 4;

/// Softmax in double precision, feature by feature (all features by name: columns, words, the intercept).
class PlainSoftmax {
 public:
  std::vector<double> predict(Features x) const {
    std::vector<double> mixed(softmax_classes, 0.0);
    const auto m = margins(values(x, nullptr));
    for (std::size_t c = 0; c < softmax_classes; ++c)
      for (std::size_t k = 0; k < 4; ++k) mixed[c] += share_[k] * m[k][c];
    return probabilities(mixed);
  }

  void learn(Features x, std::size_t label, double h) {
    const auto m = margins(values(x, nullptr));
    std::vector<double> mixed(softmax_classes, 0.0);
    for (std::size_t c = 0; c < softmax_classes; ++c)
      for (std::size_t k = 0; k < 4; ++k) mixed[c] += share_[k] * m[k][c];
    std::vector<double> g = probabilities(mixed);
    g[label] -= 1.0;

    std::map<int, double> scale;  // before: weights of columns are kept by raw value
    const auto z = values(x, &scale);
    const double prior = std::min(static_cast<double>(0.15F), static_cast<double>(4.65F) / std::max(square_, 1.0));
    double square = 0.0;
    for (const auto& [feature, value] : z) square += value * value;
    counted_ = std::min(counted_ + 1.0, 1000.0);
    square_ += (square - square_) / counted_;
    for (std::size_t c = 0; c < softmax_classes; ++c) {
      for (const auto& [feature, value] : z) g2_[{feature, c}] += h * g[c] * g[c] * value * value;
      const auto rate = [&](std::size_t k, int feature) {
        const double g2 = g2_[{feature, c}];
        return k == 0 ? 1.0 / (1.0 / prior + g2) : (k == 1 ? 1.0 / (1.0 + std::sqrt(g2)) : 1.0);
      };
      const double times[3] = {1.0, static_cast<double>(0.3F), 2.0};
      for (std::size_t k = 0; k < 3; ++k) {
        std::vector<double> own = probabilities(m[k]);
        own[label] -= 1.0;
        double norm = 0.0;
        for (const auto& [feature, value] : z) norm += rate(k, feature) * value * value;
        const double time = std::min(times[k] * h * (k < 2 ? norm : 1.0), 4.0);
        for (const auto& [feature, value] : z) w_[k][{feature, c}] -= time * own[c] / norm * rate(k, feature) * value;
      }
    }
    count_of_[label] += h;
    base_[label] = std::log(0.5 + count_of_[label]);
    mix(m, mixed, g, h);
  }

 private:
  using Margins = std::array<std::vector<double>, 4>;  // the last without features

  /// Columns scaled as ColumnScale says, once more counted when `counting`.
  std::map<int, double> values(Features x, std::map<int, double>* counting) const {
    std::map<int, double> all = {{-1, 1.0}};
    for (std::size_t j = 0; j < softmax_columns; ++j) {
      const double raw = static_cast<double>(x.dense[j]);
      if (std::isnan(raw)) continue;
      double& s = scale_[j];
      if (counting != nullptr) {
        count_[j] = std::min(count_[j] + 1.0, 1000.0);
        const double size = s > 0.0 ? std::min(std::abs(raw), 7.0 * s) : std::abs(raw);
        s = std::sqrt(s * s + (size * size - s * s) / count_[j]);
      }
      if (s > 0.0) all[static_cast<int>(j)] = std::clamp(raw / s, -7.0, 7.0);
    }
    for (const SparseFeature& feature : x.sparse) all[100 + static_cast<int>(feature.index % 16)] += static_cast<double>(feature.value);
    return all;
  }

  Margins margins(const std::map<int, double>& z) const {
    Margins m;
    for (std::size_t k = 0; k < 3; ++k) {
      for (std::size_t c = 0; c < softmax_classes; ++c) {
        double sum = 0.0;
        for (const auto& [feature, value] : z) {
          const auto at = w_[k].find({feature, c});
          if (at != w_[k].end()) sum += at->second * value;
        }
        m[k].push_back(std::clamp(sum, -30.0, 30.0));
      }
    }
    m[3] = base_;
    return m;
  }

  static std::vector<double> probabilities(std::vector<double> m) {
    double sum = 0.0;
    for (double& value : m) sum += value = std::exp(value);
    for (double& value : m) value /= sum;
    return m;
  }

  void mix(const Margins& m, const std::vector<double>& mixed, const std::vector<double>& g, double h) {
    std::array<double, 4> slope{};
    double mean_square = 0.0;
    for (std::size_t k = 0; k < 4; ++k) {
      for (std::size_t c = 0; c < softmax_classes; ++c) slope[k] += g[c] * (m[k][c] - mixed[c]);
      mean_square += share_[k] * slope[k] * slope[k];
    }
    energy_ += std::max(h, h * h) * mean_square;
    double sum = 0.0;
    for (std::size_t k = 0; k < 4; ++k) logit_[k] -= h * slope[k] / std::sqrt(1.0 + energy_);
    const double highest = *std::max_element(logit_.begin(), logit_.end());
    for (double& logit : logit_) sum += std::exp(logit = std::max(logit - highest, -8.0));
    for (std::size_t k = 0; k < 4; ++k) share_[k] = std::exp(logit_[k]) / sum;
  }

  std::array<std::map<std::pair<int, std::size_t>, double>, 3> w_;
  std::map<std::pair<int, std::size_t>, double> g2_;
  mutable std::array<double, softmax_columns> scale_{};
  mutable std::array<double, softmax_columns> count_{};
  std::vector<double> base_ = std::vector<double>(softmax_classes, std::log(0.5));
  std::vector<double> count_of_ = std::vector<double>(softmax_classes, 0.0);
  std::array<double, 4> share_ = {0.25, 0.25, 0.25, 0.25};
  std::array<double, 4> logit_{};
  double energy_ = 0.0;
  double counted_ = 0.0;
  double square_ = 0.0;
};

Schema softmax_schema() { return Schema({{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "words", .kind = Column::Kind::hashed}}); }

}  // namespace

TEST_CASE("Softmax is its plain double-precision form", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 5u));
  Softmax model({.classes = static_cast<int>(softmax_classes), .bits = 4});
  model.bind(softmax_schema());
  PlainSoftmax plain;
  std::array<float, softmax_classes> p{};
  CAPTURE(seed);
  for (const auto& example : testing::labelled_examples(
           {.task = Task::classes, .classes = static_cast<int>(softmax_classes), .dense = softmax_columns, .sparse = 3}, seed, 400)) {
    model.predict_proba(example.x, p);
    const auto truth = plain.predict(example.x);
    for (std::size_t c = 0; c < softmax_classes; ++c) REQUIRE(static_cast<double>(p[c]) == Approx(truth[c]).margin(2e-3));
    model.learn(example.x, static_cast<int>(example.y), example.weight);
    plain.learn(example.x, static_cast<std::size_t>(example.y), static_cast<double>(example.weight));
  }
}

TEST_CASE("Softmax learns what a line between classes tells, and follows when it turns", "[learn]") {
  Softmax model({.classes = 3});
  model.bind(Schema::numeric(2));
  Rng rng(3);
  int wrong = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    int label = x[0] > 0.5F ? 2 : (x[1] > 0.0F ? 1 : 0);
    if (i >= 3000) label = 2 - label;
    const bool judged = (i >= 1500 && i < 3000) || i >= 4000;
    wrong += static_cast<int>(model.learn({x, {}}, label) != label && judged);
  }
  CHECK(wrong < 350);  // of 3500
}

TEST_CASE("Softmax treats classes alike: renaming them renames the answers", "[learn][metamorphic]") {
  Softmax model({.classes = 3});
  Softmax renamed({.classes = 3});
  model.bind(Schema::numeric(2));
  renamed.bind(Schema::numeric(2));
  const int other[3] = {2, 0, 1};
  std::array<float, 3> p{};
  std::array<float, 3> q{};
  for (const auto& example : testing::labelled_examples({.task = Task::classes, .classes = 3, .dense = 2}, 4, 500)) {
    model.predict_proba(example.x, p);
    renamed.predict_proba(example.x, q);
    for (std::size_t c = 0; c < 3; ++c) REQUIRE(q[static_cast<std::size_t>(other[c])] == Approx(p[c]).margin(1e-4));
    model.learn(example.x, static_cast<int>(example.y));
    renamed.learn(example.x, other[static_cast<int>(example.y)]);
  }
}

TEST_CASE("Softmax names the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(Softmax({.classes = 1}), "Softmax: classes is 1, must be in [2, 256]");
  CHECK_THROWS_WITH(Softmax({.bits = 23}), "Softmax: bits is 23, must be in [1, 22]");
  Softmax model({.classes = 3});
  Softmax other({.classes = 4});
  CHECK_THROWS_AS(load(other, save(model)), FormatError);
}
