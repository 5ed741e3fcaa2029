// Cases that ordinary streams do not have, each of which once spoiled a model.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

Schema hashed_only() { return Schema({{.name = "ids", .kind = Column::Kind::hashed}}); }

struct Row {
  std::array<float, 2> x;
  float y;
  Features features() const { return {x, {}}; }
};

/// y = offset + x0 - 2 x1 + noise of variance 1/3.
std::vector<Row> line(std::size_t n, float offset, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Row> rows(n);
  for (Row& row : rows) {
    row.x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    row.y = offset + row.x[0] - 2.0F * row.x[1] + static_cast<float>(0.577 * rng.normal());
  }
  return rows;
}

template <class Model>
Model over_numbers() {
  Model model;
  model.bind(Schema::numeric(2));
  return model;
}

template <class Model>
double squared_error(const Model& model, std::span<const Row> rows) {
  double sum = 0.0;
  for (const Row& row : rows) {
    const double away = static_cast<double>(model.predict(row.features()) - row.y);
    sum += away * away / static_cast<double>(rows.size());
  }
  return sum;
}

}  // namespace

TEMPLATE_TEST_CASE("Models of numeric columns alone merge, wherever their labels lie", "[learn][merge]", (Linear<Squared>),
                   (Linear<Squared, AdaGrad>), (Linear<Squared, FtrlProximal>), (Linear<Huber>)) {
  for (const float offset : {0.0F, 100.0F, 1000.0F, -1e5F}) {
    const auto rows = line(9000, offset, 1);
    const std::span<const Row> unseen = std::span(rows).subspan(8000);
    TestType whole = over_numbers<TestType>();
    std::vector<TestType> shards(2, whole);
    for (std::size_t i = 0; i < 8000; ++i) {
      whole.learn(rows[i].features(), rows[i].y);
      shards[i % 2].learn(rows[i].features(), rows[i].y);
    }
    const double best = squared_error(whole, unseen);
    const double of_shards = std::max(squared_error(shards[0], unseen), squared_error(shards[1], unseen));
    shards[0].merge(shards[1]);
    CAPTURE(offset, best, of_shards);
    CHECK(squared_error(shards[0], unseen) < 1.1 * of_shards);
  }
}

TEST_CASE("Rare events by numeric columns alone merge to what the shards knew", "[learn][merge]") {
  Rng rng(2);
  std::vector<LogisticRegression> shards(8, over_numbers<LogisticRegression>());
  std::vector<Row> unseen;
  for (int i = 0; i < 60'000; ++i) {
    Row row{{static_cast<float>(rng.normal()), static_cast<float>(rng.normal())}, 0.0F};
    row.y = rng.uniform() < 1.0 / (1.0 + std::exp(6.0 - static_cast<double>(row.x[0]))) ? 1.0F : 0.0F;
    if (i < 40'000) {
      shards[rng.below(8)].learn(row.features(), row.y);
    } else {
      unseen.push_back(row);
    }
  }
  const auto log_loss = [&](const LogisticRegression& model) {
    double sum = 0.0;
    for (const Row& row : unseen) {
      const double p = static_cast<double>(model.predict(row.features()));
      sum -= std::log(row.y > 0.5F ? p : 1.0 - p) / static_cast<double>(unseen.size());
    }
    return sum;
  };
  double of_shards = 0.0;
  for (const auto& shard : shards) of_shards += log_loss(shard) / 8.0;
  for (std::size_t s = 1; s < 8; ++s) shards[0].merge(shards[s]);
  CHECK(log_loss(shards[0]) < of_shards);
}

TEST_CASE("Models of other options do not merge", "[learn][merge]") {
  const auto refuses = [](auto a, auto b) {
    a.bind(Schema::numeric(2));
    b.bind(Schema::numeric(2));
    CHECK_THROWS_AS(a.merge(b), ConfigError);
    a.merge(a);
  };
  refuses(LogisticRegression({.l1 = 0.1F}), LogisticRegression());
  refuses(LogisticRegression({.l2 = 0.1F}), LogisticRegression());
  refuses(LogisticRegression({.optimizer = MultiRate({.bold = 0.5F})}), LogisticRegression());
  refuses(Linear<Quantile>({.loss = Quantile(0.9F)}), Linear<Quantile>());
}

TEMPLATE_TEST_CASE("A weight that an example gave no reason to move stays where it was", "[learn][hostile]", (Linear<Hinge, Nag>),
                   (Linear<Hinge>), (Linear<Hinge, AdaGrad>), (Linear<Quantile, Nag>)) {
  TestType model({.bits = 10});
  model.bind(hashed_only());
  const std::array<SparseFeature, 1> usual{{{1, 1.0F}}};
  for (int i = 0; i < 200; ++i) model.learn({{}, usual}, 1.0F);
  const std::array<SparseFeature, 2> stamped{{{1, 1.0F}, {7, 1.7e12F}}};
  model.learn({{}, stamped}, 1.0F);
  const std::array<SparseFeature, 1> alone{{{7, 1.0F}}};
  CHECK(std::abs(model.predict({{}, alone})) < 1e3F);
  for (int i = 0; i < 100; ++i) model.learn({{}, usual}, 1.0F);
  CHECK(model.predict({{}, usual}) == Approx(1.0).margin(0.2));
}

TEMPLATE_TEST_CASE("An example of enormous value and weight leaves a model that goes on", "[learn][hostile]", (Linear<Logistic, Sgd>),
                   (Linear<Logistic, AdaGrad>), (Linear<Logistic, Nag>), (Linear<Logistic>), (Linear<Poisson, Sgd>)) {
  TestType model({.bits = 10});
  model.bind(hashed_only());
  const std::array<SparseFeature, 1> usual{{{1, 1.0F}}};
  Rng rng(1);
  const auto learn_usual = [&](int n) {
    for (int i = 0; i < n; ++i) model.learn({{}, usual}, rng.uniform() < 0.9 ? 1.0F : 0.0F);
  };
  learn_usual(1000);
  for (const float weight : {1.0F, 1e10F, 1e15F}) {
    const std::array<SparseFeature, 1> enormous{{{3, 1e15F}}};
    model.learn({{}, enormous}, 1.0F, weight);
    model.learn({{}, enormous}, 0.0F, weight);
  }
  learn_usual(5000);
  CHECK(model.predict({{}, usual}) == Approx(0.9).margin(0.15));
}

TEST_CASE("A way without end ends", "[learn][losses]") {
  for (const float margin : {-30.0F, -3.0F, 0.0F, 3.0F, 30.0F})
    for (const float y : {0.0F, 1.0F}) {
      const float towards = y > 0.5F ? 1.0F : -1.0F;
      const float far = Logistic::flow(margin, y, 1e20F);
      // d + e^q (e^d - 1) = 1e20
      const double q = static_cast<double>(towards * margin);
      CHECK(static_cast<double>(towards * far) == Approx(std::log(1e20) - q).epsilon(1e-3));
      for (const float time : {1e26F, 1e35F, std::numeric_limits<float>::infinity()}) CHECK(Logistic::flow(margin, y, time) == far);
      CHECK(is_finite(Poisson().flow(margin, y, std::numeric_limits<float>::infinity())));
    }
}

// Under the default optimizer a 1 is a category, whose values need no scale, however often it comes; a 2 is a number, which has one.
TEMPLATE_TEST_CASE("A feature that comes twice is one of twice the value", "[learn][property]", (Linear<Logistic, Nag>),
                   (Linear<Logistic, AdaGrad>), (Linear<Logistic, FtrlProximal>), (Linear<Squared, Sgd>)) {
  TestType twice({.bits = 10});
  TestType doubled({.bits = 10});
  twice.bind(hashed_only());
  doubled.bind(hashed_only());
  Rng rng(4);
  double worst = 0.0;
  for (int i = 0; i < 3000; ++i) {
    const auto k = static_cast<std::uint32_t>(rng.below(50));
    const auto other = static_cast<std::uint32_t>(50 + rng.below(50));
    const std::array<SparseFeature, 3> parts{{{k, 1.0F}, {other, 1.0F}, {k, 1.0F}}};
    const std::array<SparseFeature, 2> whole{{{k, 2.0F}, {other, 1.0F}}};
    const float y = rng.uniform() < 1.0 / (1.0 + std::exp(static_cast<double>(k) / 10.0 - 2.5)) ? 1.0F : 0.0F;
    worst = std::max(worst, static_cast<double>(std::abs(twice.predict({{}, parts}) - doubled.predict({{}, whole}))));
    twice.learn({{}, parts}, y);
    doubled.learn({{}, whole}, y);
  }
  CHECK(worst < 1e-4);
}

TEMPLATE_TEST_CASE("learn returns what predict would, of hashed values of any scale", "[learn][property]", (Linear<Logistic>),
                   (Linear<Squared>), (Linear<Logistic, FtrlProximal>)) {
  TestType model({.bits = 8});
  model.bind(hashed_only());
  Rng rng(6);
  std::size_t other = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<SparseFeature> x(1 + rng.below(9));
    for (SparseFeature& feature : x)
      feature = {static_cast<std::uint32_t>(rng.below(250)),
                 static_cast<float>(std::exp(3.0 * rng.normal()) * (rng.below(2) == 0 ? 1.0 : -1.0))};
    const float before = model.predict({{}, x});
    other += model.learn({{}, x}, rng.uniform() < 0.5 ? 1.0F : 0.0F) != before ? 1U : 0U;
  }
  CHECK(other == 0);
}

TEMPLATE_TEST_CASE("A regression by steps of one scale finds labels far from 0", "[learn]", (Linear<Squared, Nag>), (Linear<Squared>),
                   (Linear<Huber, Nag>)) {
  for (const float offset : {100.0F, 1000.0F, 1e4F}) {
    const auto rows = line(20'000, offset, 3);
    TestType model = over_numbers<TestType>();
    for (const Row& row : rows) model.learn(row.features(), row.y);
    CAPTURE(offset);
    CHECK(squared_error(model, std::span(rows).subspan(19'000)) < 0.4);
  }
}

TEST_CASE("Loaded over a model of other products, a model goes on as it would", "[learn][archive]") {
  const Schema schema({{.name = "a"}, {.name = "b"}, {.name = "ids", .kind = Column::Kind::hashed}});
  LogisticRegression with({.bits = 10, .interactions = {{"a", "b"}}});
  LogisticRegression without({.bits = 10});
  with.bind(schema);
  without.bind(schema);
  const auto learn = [&](LogisticRegression& model, std::uint64_t at) {
    Rng row(at);
    const std::array<float, 2> dense{static_cast<float>(row.normal()), static_cast<float>(row.normal())};
    const std::array<SparseFeature, 1> sparse{{{static_cast<std::uint32_t>(row.below(100)), 1.0F}}};
    model.learn({dense, sparse}, row.uniform() < 0.5 ? 1.0F : 0.0F);
  };
  for (std::uint64_t i = 0; i < 50; ++i) {
    learn(with, i);
    learn(without, i);
  }
  load(with, save(without));
  for (std::uint64_t i = 50; i < 100; ++i) {
    learn(with, i);
    learn(without, i);
  }
  CHECK(save(with) == save(without));
}

namespace {

/// Rows from the last that was more than `far` off until the end.
template <class Model, class Label>
int rows_until_near(int n, int from, double far, Label label) {
  Model model = over_numbers<Model>();
  const auto rows = line(static_cast<std::size_t>(n), 0.0F, 7);
  int last = from;
  for (int i = 0; i < n; ++i) {
    const float y = label(i, rows[static_cast<std::size_t>(i)].y);
    const float said = model.learn(rows[static_cast<std::size_t>(i)].features(), y);
    if (i >= from && std::abs(static_cast<double>(said - y)) > far && y < 1e5F) last = i + 1;
  }
  return last - from;
}

}  // namespace

TEST_CASE("A new level of labels is reached within three hundred rows", "[learn]") {
  const auto shifted = [](float before) {
    return rows_until_near<LinearRegression>(12'000, 10'000, 10.0, [&](int i, float y) { return i < 10'000 ? before * y : 100.0F + y; });
  };
  CHECK(shifted(1.0F) < 300);
  CHECK(shifted(0.0F) < 300);  // all labels were equal
}

TEMPLATE_TEST_CASE("An outlier among the first labels is forgotten with them", "[learn][hostile]", (LinearRegression),
                   (Linear<Squared, Nag>), (Linear<Squared, AdaGrad>), (Linear<Squared, FtrlProximal>), (Linear<Huber>)) {
  const int at = GENERATE(0, 1, 2, 5, 7);
  const float outlier = GENERATE(1e6F, 1e12F);
  CAPTURE(at, outlier);
  CHECK(rows_until_near<TestType>(3000, 500, 5.0, [&](int i, float y) { return i == at ? outlier : y; }) == 0);
}

TEST_CASE("An outlier now and then changes nothing", "[learn][hostile]") {
  CHECK(rows_until_near<LinearRegression>(20'000, 2000, 5.0, [](int i, float y) { return i % 1000 == 999 ? 1e6F : y; }) == 0);
  for (const float wrong : {1e3F, 1e6F, 1e14F})
    CHECK(rows_until_near<LinearRegression>(20'000, 5120, 5.0, [&](int i, float y) { return i >= 5000 && i < 5080 ? wrong : y; }) == 0);
}

TEST_CASE("Features that tell nothing cost hardly more than none", "[learn]") {
  Rng rng(3);
  LogisticRegression model({.bits = 16});
  model.bind(hashed_only());
  std::vector<SparseFeature> words(30);
  double loss = 0.0;
  const double rate = 0.2;
  const int n = 50'000;
  for (int i = 0; i < n; ++i) {
    for (SparseFeature& word : words) word = {static_cast<std::uint32_t>(rng.below(1 << 16)), 1.0F};
    const bool one = rng.uniform() < rate;
    const auto p = static_cast<double>(model.learn({{}, words}, one ? 1.0F : 0.0F));
    loss -= std::log(one ? p : 1.0 - p) / n;
  }
  const double entropy = -rate * std::log(rate) - (1.0 - rate) * std::log(1.0 - rate);
  CHECK(loss < entropy + 0.004);
}

TEMPLATE_TEST_CASE("A few rows merge to no less than either shard, far from 0", "[learn][merge]", (Linear<Squared>), (Linear<Huber>),
                   (Linear<Quantile>)) {
  const auto rows = line(1000, 1000.0F, 9);
  for (const std::size_t n : {3U, 5U, 50U}) {
    TestType a = over_numbers<TestType>();
    TestType b = a;
    for (std::size_t i = 0; i < n; ++i) {
      a.learn(rows[i].features(), rows[i].y);
      b.learn(rows[n + i].features(), rows[n + i].y);
    }
    const auto unseen = std::span(rows).subspan(200);
    const double worse = std::max(squared_error(a, unseen), squared_error(b, unseen));
    a.merge(b);
    CAPTURE(n, worse);
    CHECK(squared_error(a, unseen) < 1.1 * worse);
  }
}

TEST_CASE("Large counts are predicted from the first on", "[learn]") {
  auto model = over_numbers<Linear<Poisson>>();
  Rng rng(6);
  double away = 0.0;
  for (int i = 0; i < 400; ++i) {
    const std::array<float, 2> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const double y = std::round(1000.0 + 32.0 * rng.normal());
    const auto said = static_cast<double>(model.learn({x, {}}, static_cast<float>(y)));
    if (i >= 200) away += std::abs(said - 1000.0) / 200.0;
  }
  CHECK(away < 20.0);
}
