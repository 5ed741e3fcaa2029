#include "rtml/learn/bayesian_linear.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"
#include "support/streams.hpp"

using namespace rtml;

static_assert(ScalarLearner<BayesianLinear>);
static_assert(Explainable<BayesianLinear>);
static_assert(Mergeable<BayesianLinear>);

namespace {

constexpr float missing_value = std::numeric_limits<float>::quiet_NaN();

/// The posterior by its normal equations, over all examples at once: the intercept is a column of ones without a prior.
class BatchPosterior {
 public:
  explicit BatchPosterior(double forgetting = 1.0) : forgetting_(static_cast<long double>(forgetting)) {}

  void add(const std::vector<double>& x, double y, double weight) {
    for (long double& earlier : weights_) earlier *= forgetting_;
    rows_.push_back(with_intercept(x));
    labels_.push_back(static_cast<long double>(y));
    weights_.push_back(static_cast<long double>(weight));
  }

  /// `prior` [d]: precisions of the weights.
  void solve(const std::vector<double>& prior) {
    const std::size_t n = prior.size() + 1;
    Matrix precision(n, Vector(n, 0.0L));
    Vector h(n, 0.0L);
    for (std::size_t j = 1; j < n; ++j) precision[j][j] = static_cast<long double>(prior[j - 1]);
    total_ = 0.0L;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const long double w = weights_[i];
      total_ += w;
      for (std::size_t j = 0; j < n; ++j) {
        h[j] += w * rows_[i][j] * labels_[i];
        for (std::size_t k = 0; k < n; ++k) precision[j][k] += w * rows_[i][j] * rows_[i][k];
      }
    }
    root_ = cholesky(precision);
    mean_ = solve_with(h);
    squares_ = 0.0L;
    for (std::size_t j = 1; j < n; ++j) squares_ += static_cast<long double>(prior[j - 1]) * mean_[j] * mean_[j];
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const long double left = labels_[i] - at(rows_[i]);
      squares_ += weights_[i] * left * left;
    }
  }

  BayesianLinear::Predictive predict(const std::vector<double>& x) const {
    const Vector row = with_intercept(x);
    const Vector solved = solve_with(row);
    long double spread = 1.0L;
    for (std::size_t j = 0; j < row.size(); ++j) spread += row[j] * solved[j];
    const long double freedom = total_ - 1.0L;
    return {static_cast<double>(at(row)), static_cast<double>(std::sqrt(squares_ / freedom * spread)), static_cast<double>(freedom)};
  }

 private:
  using Vector = std::vector<long double>;
  using Matrix = std::vector<Vector>;

  static Vector with_intercept(const std::vector<double>& x) {
    Vector row = {1.0L};
    for (const double value : x) row.push_back(static_cast<long double>(value));
    return row;
  }

  long double at(const Vector& x) const {
    long double sum = 0.0L;
    for (std::size_t j = 0; j < x.size(); ++j) sum += mean_[j] * x[j];
    return sum;
  }

  static Matrix cholesky(Matrix a) {
    for (std::size_t j = 0; j < a.size(); ++j) {
      for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
      a[j][j] = std::sqrt(a[j][j]);
      for (std::size_t i = j + 1; i < a.size(); ++i) {
        for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
        a[i][j] /= a[j][j];
      }
    }
    return a;
  }

  Vector solve_with(Vector b) const {
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) b[i] -= root_[i][k] * b[k];
      b[i] /= root_[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) b[i] -= root_[k][i] * b[k];
      b[i] /= root_[i][i];
    }
    return b;
  }

  long double forgetting_;
  Matrix rows_;
  Vector labels_;
  Vector weights_;
  Matrix root_;
  Vector mean_;
  long double total_ = 0.0L;
  long double squares_ = 0.0L;
};

std::vector<double> priors_of(const BayesianLinear& model) {
  std::vector<double> prior(model.schema().dense_size());
  for (std::size_t j = 0; j < prior.size(); ++j) prior[j] = model.prior_precision(j);
  return prior;
}

std::vector<double> in_double(const std::vector<float>& x) { return {x.begin(), x.end()}; }

/// `mean` is a float; what is closer than its last digit cannot be asked.
void require_same(const BayesianLinear::Predictive& got, const BayesianLinear::Predictive& expected, double tolerance = 1e-9) {
  REQUIRE(got.mean == Approx(expected.mean).epsilon(1e-6).margin(1e-6));
  REQUIRE(got.freedom == Approx(expected.freedom).epsilon(tolerance));
  REQUIRE(got.scale == Approx(expected.scale).epsilon(tolerance));
}

BayesianLinear bound_to(std::size_t columns, const BayesianLinear::Options& options = {}) {
  BayesianLinear model(options);
  model.bind(Schema::numeric(columns));
  return model;
}

/// Standard normal columns and noise; label = 3 + x0 - 2 x1 + 0.5 x2 + ... + noise.
struct NormalRows {
  Rng rng;
  std::size_t columns;
  double noise = 1.0;
  std::vector<float> x = std::vector<float>(columns);
  float y = 0.0F;

  void next() {
    double mean = 3.0;
    for (std::size_t j = 0; j < columns; ++j) {
      x[j] = static_cast<float>(rng.normal());
      mean += static_cast<double>(x[j]) * (j == 0 ? 1.0 : (j == 1 ? -2.0 : 0.5));
    }
    y = static_cast<float>(mean + noise * rng.normal());
  }
};

}  // namespace

TEST_CASE("BayesianLinear is the batch posterior over all that it saw", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 6u));
  const double prior = GENERATE(1.0, 100.0);
  CAPTURE(seed, prior);
  constexpr std::size_t d = 6;
  BayesianLinear model = bound_to(d, {.prior = prior});
  BatchPosterior batch;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, seed, 300);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& [x, y, weight] = stream[i];
    if (i >= 3 && i % 7 == 0) {
      batch.solve(priors_of(model));
      require_same(model.predict_distribution(x), batch.predict(in_double(x.dense())));
    }
    model.learn(x, y, weight);
    batch.add(in_double(x.dense()), static_cast<double>(y), static_cast<double>(weight));
  }
}

TEST_CASE("BayesianLinear finds NIST's certified line through Norris's ozone readings", "[learn][reference]") {
  // NIST StRD, Norris: y = -0.262323073774029 + 1.00211681802045 x, residual standard deviation 0.884796396144373.
  constexpr std::array<std::array<float, 2>, 36> norris = {
      {{0.2F, 0.1F},     {337.4F, 338.8F}, {118.2F, 118.1F}, {884.6F, 888.0F}, {10.1F, 9.2F},    {226.5F, 228.1F},
       {666.3F, 668.5F}, {996.3F, 998.5F}, {448.6F, 449.1F}, {777.0F, 778.9F}, {558.2F, 559.2F}, {0.4F, 0.3F},
       {0.6F, 0.1F},     {775.5F, 778.1F}, {666.9F, 668.8F}, {338.0F, 339.3F}, {447.5F, 448.9F}, {11.6F, 10.8F},
       {556.0F, 557.7F}, {228.1F, 228.3F}, {995.8F, 998.0F}, {887.6F, 888.8F}, {120.2F, 119.6F}, {0.3F, 0.3F},
       {0.3F, 0.6F},     {556.8F, 557.6F}, {339.1F, 339.3F}, {887.2F, 888.0F}, {999.0F, 998.5F}, {779.0F, 778.9F},
       {11.1F, 10.2F},   {118.3F, 117.6F}, {229.2F, 228.9F}, {669.1F, 668.4F}, {448.9F, 449.2F}, {0.5F, 0.2F}}};
  BayesianLinear model = bound_to(1, {.prior = 1e9});  // flat: the estimates of least squares
  for (const auto& [x, y] : norris) model.learn({std::span(&x, 1), {}}, y);
  const auto mean_at = [&](float x) { return static_cast<double>(model.predict({std::span(&x, 1), {}})); };
  CHECK(mean_at(0.0F) == Approx(-0.262323073774029).epsilon(1e-5));
  CHECK(mean_at(1000.0F) - mean_at(0.0F) == Approx(1002.11681802045).epsilon(1e-6));
  // 34 degrees of freedom of the residuals there, 35 here: the prior of the weight, however flat, is one observation.
  const float far = 1000.0F;
  const auto predictive = model.predict_distribution({std::span(&far, 1), {}});
  CHECK(predictive.freedom == 35.0);
  double mean_x = 0.0;
  double squares_x = 0.0;
  for (const auto& [x, y] : norris) mean_x += static_cast<double>(x) / 36.0;
  for (const auto& [x, y] : norris) squares_x += (static_cast<double>(x) - mean_x) * (static_cast<double>(x) - mean_x);
  const double leverage = 1.0 / 36.0 + (1000.0 - mean_x) * (1000.0 - mean_x) / squares_x;
  const double expected = 0.884796396144373 * std::sqrt(34.0 / 35.0 * (1.0 + leverage));
  CHECK(predictive.scale == Approx(expected).epsilon(1e-4));  // floats round the readings
  CHECK(predictive.variance() == Approx(expected * expected * 35.0 / 33.0).epsilon(1e-4));
}

TEST_CASE("BayesianLinear's intervals hold what they promise", "[learn][statistics]") {
  // 97.5 % quantiles of Student's t are below 1.99 from 80 degrees of freedom on, and 1.96 in the end.
  const auto seed = GENERATE(range(1u, 4u));
  CAPTURE(seed);
  constexpr std::size_t d = 10;
  NormalRows rows{.rng = Rng(seed), .columns = d, .noise = 0.3};
  BayesianLinear model = bound_to(d);
  int judged = 0;
  int inside = 0;
  for (int i = 0; i < 4000; ++i) {
    rows.next();
    if (i >= 100) {
      const auto predictive = model.predict_distribution({rows.x, {}});
      ++judged;
      inside += static_cast<int>(std::fabs(static_cast<double>(rows.y) - predictive.mean) <= 1.97 * predictive.scale);
    }
    model.learn({rows.x, {}}, rows.y);
  }
  const double coverage = static_cast<double>(inside) / judged;
  CHECK(coverage > 0.93);
  CHECK(coverage < 0.97);
}

TEST_CASE("BayesianLinear is as sure as it may be with few examples", "[learn][statistics]") {
  // Many short streams whose truth is drawn from the prior: 90 % of the intervals after 6 examples hold, t with 5 degrees of freedom.
  Rng rng(5);
  int inside = 0;
  constexpr int streams = 4000;
  for (int s = 0; s < streams; ++s) {
    BayesianLinear model = bound_to(1, {.prior = 1.0});
    const double weight = rng.normal() / 4.0;  // the range of these columns is 3.5, its unit 4
    const double offset = 10.0 * rng.normal();
    const auto label = [&](float x) { return static_cast<float>(offset + weight * static_cast<double>(x) + rng.normal()); };
    for (const float x : {0.0F, 3.5F, 1.0F, 2.0F, 3.0F, 0.5F}) model.learn({std::span(&x, 1), {}}, label(x));
    const float next = 2.75F;
    const auto predictive = model.predict_distribution({std::span(&next, 1), {}});
    REQUIRE(predictive.freedom == 5.0);
    inside += static_cast<int>(std::fabs(static_cast<double>(label(next)) - predictive.mean) <= 2.015048 * predictive.scale);
  }
  CHECK(static_cast<double>(inside) / streams == Approx(0.90).margin(0.015));
}

TEST_CASE("BayesianLinear takes weight 2 for the example twice", "[learn][metamorphic]") {
  BayesianLinear heavy = bound_to(4);
  BayesianLinear twice = bound_to(4);
  for (const auto& example : testing::labelled_examples({.task = Task::regression, .dense = 4, .missing = 0.2}, 2, 300)) {
    const auto one = heavy.predict_distribution(example.x);
    const auto other = twice.predict_distribution(example.x);
    CHECK(one.mean == Approx(other.mean).epsilon(1e-6).margin(1e-6));
    if (one.freedom > 0.0) CHECK(one.scale == Approx(other.scale).epsilon(1e-9));
    CHECK(one.freedom == Approx(other.freedom));
    heavy.learn(example.x, example.y, 2.0F * example.weight);
    twice.learn(example.x, example.y, example.weight);
    twice.learn(example.x, example.y, example.weight);
  }
}

TEST_CASE("BayesianLinear that forgets is the batch posterior of fading weights under a prior that does not fade", "[learn][reference]") {
  const double forgetting = GENERATE(0.999, 0.98, 0.6, 0.05);
  CAPTURE(forgetting);
  constexpr std::size_t d = 7;
  BayesianLinear model = bound_to(d, {.forgetting = forgetting});
  BayesianLinear remembers = bound_to(d);
  BatchPosterior batch(forgetting);
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, 3, 400);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& [x, y, weight] = stream[i];
    if (i >= 5 && i % 13 == 0) {
      const auto prior = priors_of(model);
      batch.solve(prior);
      const auto expected = batch.predict(in_double(x.dense()));
      if (expected.freedom > 0.0) {
        require_same(model.predict_distribution(x), expected);
      } else {
        CHECK(model.predict(x) == Approx(expected.mean).epsilon(1e-5).margin(1e-5));
      }
      for (std::size_t j = 0; j < d; ++j) {
        CHECK(prior[j] <= (1.0 + 1e-12) * remembers.prior_precision(j));
        CHECK(prior[j] > 0.48 * remembers.prior_precision(j));
      }
    }
    remembers.learn(x, y, weight);
    model.learn(x, y, weight);
    batch.add(in_double(x.dense()), static_cast<double>(y), static_cast<double>(weight));
  }
}

TEST_CASE("BayesianLinear that forgets follows an abrupt change", "[learn]") {
  constexpr std::size_t d = 5;
  NormalRows rows{.rng = Rng(4), .columns = d, .noise = 0.1};
  BayesianLinear remembers = bound_to(d);
  BayesianLinear forgets = bound_to(d, {.forgetting = 0.98});
  double error_of_memory = 0.0;
  double error = 0.0;
  for (int i = 0; i < 3000; ++i) {
    rows.next();
    const float y = i < 2000 ? rows.y : -rows.y;
    const double a = static_cast<double>(remembers.learn({rows.x, {}}, y) - y);
    const double b = static_cast<double>(forgets.learn({rows.x, {}}, y) - y);
    if (i < 2300) continue;
    error_of_memory += a * a / 700;
    error += b * b / 700;
  }
  CHECK(error < 0.02);  // of which the noise is 0.01
  CHECK(error_of_memory > 1.0);
}

TEST_CASE("BayesianLinear does not wind up while a column rests", "[learn]") {
  const double forgetting = GENERATE(0.99, 0.5);
  CAPTURE(forgetting);
  BayesianLinear model = bound_to(3, {.forgetting = forgetting});
  Rng rng(6);
  std::vector<float> x(3);
  const auto learn = [&](bool rests) {
    for (float& value : x) value = static_cast<float>(rng.normal());
    if (rests) x[1] = 0.0F;
    model.learn({x, {}}, static_cast<float>(static_cast<double>(x[0]) + static_cast<double>(x[1]) + 0.1 * rng.normal()));
  };
  for (int i = 0; i < 500; ++i) learn(false);
  for (int i = 0; i < 20000; ++i) learn(true);
  x = {0.0F, 1.0F, 0.0F};
  const auto predictive = model.predict_distribution({x, {}});
  CHECK(predictive.scale < 25.0);  // a weight is worth ten deviations of the noise over a range of at least 4, if nothing were known of it
  x[1] = 0.0F;
  CHECK(model.predict_distribution({x, {}}).scale < predictive.scale);
}

TEST_CASE("BayesianLinear stays right over collinear columns of every scale", "[learn][numerics]") {
  // Two columns are one up to 1e-6 of itself, another is the sum of two; scales from 1e-6 to 1e6, offsets a thousand times them.
  constexpr std::size_t d = 8;
  constexpr int n = 100'000;
  const std::array<double, d> scale = {1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1.0};
  BayesianLinear model = bound_to(d);
  Rng rng(7);
  std::vector<float> x(d);
  std::array<double, d> sum{};
  std::vector<std::array<float, d + 1>> seen;
  for (int i = 0; i < n; ++i) {
    std::array<double, d> z{};
    for (double& value : z) value = rng.normal();
    z[4] = z[3] + 1e-6 * rng.normal();
    z[7] = z[5] + z[6];
    double label = 0.1 * rng.normal();
    for (std::size_t j = 0; j < d; ++j) {
      x[j] = static_cast<float>(scale[j] * (z[j] + (j < 3 ? 1000.0 : 0.0)));
      label += z[j];
    }
    seen.push_back({});
    for (std::size_t j = 0; j < d; ++j) {
      seen.back()[j] = x[j];
      sum[j] += static_cast<double>(x[j]);
    }
    seen.back()[d] = static_cast<float>(label);
    model.learn({x, {}}, static_cast<float>(label));
  }
  BatchPosterior batch;  // about the means: its normal equations lose digits to offsets
  const auto centred = [&](const float* row) {
    std::vector<double> values(d);
    for (std::size_t j = 0; j < d; ++j) values[j] = static_cast<double>(row[j]) - sum[j] / n;
    return values;
  };
  for (const auto& row : seen) batch.add(centred(row.data()), static_cast<double>(row[d]), 1.0);
  batch.solve(priors_of(model));
  for (std::size_t i = 0; i < 20; ++i) {
    const auto& row = seen[i];
    require_same(model.predict_distribution({std::span(row.data(), d), {}}), batch.predict(centred(row.data())), 1e-7);
  }
  std::vector<float> apart(seen[0].begin(), seen[0].begin() + d);  // where only the prior knows: the two columns that were one differ
  apart[4] += 300.0F;
  require_same(model.predict_distribution({apart, {}}), batch.predict(centred(apart.data())), 1e-5);
}

TEST_CASE("BayesianLinear does not mind in which order or unit examples come", "[learn][metamorphic]") {
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = 4, .missing = 0.0}, 8, 300);
  BayesianLinear forwards = bound_to(4);
  BayesianLinear backwards = bound_to(4);
  BayesianLinear in_other_units = bound_to(4);
  const auto converted = [](const FeatureVector& x) {
    std::vector<float> other = x.dense();
    other[0] = other[0] * 1024.0F;
    other[1] = other[1] / 4096.0F;
    other[2] += 64.0F;
    return other;
  };
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& last = stream[stream.size() - 1 - i];
    forwards.learn(stream[i].x, stream[i].y, stream[i].weight);
    backwards.learn(last.x, last.y, last.weight);
    in_other_units.learn({converted(stream[i].x), {}}, stream[i].y, stream[i].weight);
  }
  for (std::size_t i = 0; i < 20; ++i) {
    const auto one = forwards.predict_distribution(stream[i].x);
    require_same(backwards.predict_distribution(stream[i].x), one);
    require_same(in_other_units.predict_distribution({converted(stream[i].x), {}}), one, 1e-5);  // 64 rounds the floats
  }
}

TEST_CASE("BayesianLinear that was merged saw everything", "[learn][merge]") {
  constexpr std::size_t d = 5;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, 9, 800);
  BayesianLinear whole = bound_to(d);
  std::vector<BayesianLinear> shards(4, bound_to(d));
  for (std::size_t i = 0; i < stream.size(); ++i) {
    auto [x, y, weight] = stream[i];
    const std::size_t shard = i % 7 == 0 ? 3 : i % 3;
    for (float& value : x.dense()) value = value * (shard == 3 ? 100.0F : 1.0F) + static_cast<float>(shard);  // ranges and means differ
    whole.learn(x, y, weight);
    shards[shard].learn(x, y, weight);
  }
  shards[0].learn({std::vector<float>(1), {}}, 1.0F);  // refused, and counted
  BayesianLinear forwards = bound_to(d);
  BayesianLinear backwards = shards[3];
  for (const BayesianLinear& shard : shards) forwards.merge(shard);
  for (std::size_t shard = 3; shard-- > 0;) backwards.merge(shards[shard]);
  backwards.merge(bound_to(d));
  CHECK(forwards.refused() == 1);
  for (int learned = 0; learned < 2; ++learned) {
    for (std::size_t i = 0; i < 50; ++i) {
      const auto expected = whole.predict_distribution(stream[i].x);
      require_same(forwards.predict_distribution(stream[i].x), expected);
      require_same(backwards.predict_distribution(stream[i].x), expected);
    }
    const std::vector<float> wrong = {1e12F, -1e12F, 0.0F, 1e12F, 0.0F};  // cut where that one cuts
    require_same(forwards.predict_distribution({wrong, {}}), whole.predict_distribution({wrong, {}}));
    require_same(backwards.predict_distribution({wrong, {}}), whole.predict_distribution({wrong, {}}));
    for (std::size_t j = 0; j < d; ++j) CHECK(forwards.prior_precision(j) == Approx(whole.prior_precision(j)).epsilon(1e-12));
    for (std::size_t i = 0; i < 100; ++i) {  // and goes on as that one
      for (BayesianLinear* model : {&whole, &forwards, &backwards}) model->learn(stream[i].x, -stream[i].y);
    }
  }
}

TEST_CASE("BayesianLinear that never saw a column takes it from the other, and that other's mean for its own", "[learn][merge]") {
  BayesianLinear blind = bound_to(2);
  BayesianLinear sees = bound_to(2);
  BatchPosterior batch;
  NormalRows rows{.rng = Rng(18), .columns = 2};
  std::vector<NormalRows> unseen;
  double mean = 0.0;
  for (int i = 0; i < 100; ++i) {
    rows.next();
    if (i % 2 == 0) {
      unseen.push_back(rows);
      rows.x[1] = missing_value;
      blind.learn({rows.x, {}}, rows.y);
    } else {
      rows.x[1] += 100.0F;
      sees.learn({rows.x, {}}, rows.y);
      batch.add(in_double(rows.x), static_cast<double>(rows.y), 1.0);
      mean += static_cast<double>(rows.x[1]) / 50.0;
    }
  }
  for (const NormalRows& row : unseen) batch.add({static_cast<double>(row.x[0]), mean}, static_cast<double>(row.y), 1.0);
  BayesianLinear backwards = sees;
  backwards.merge(blind);
  blind.merge(sees);
  batch.solve(priors_of(blind));
  const std::vector<float> x = {1.0F, 102.0F};
  require_same(blind.predict_distribution({x, {}}), batch.predict(in_double(x)));
  require_same(backwards.predict_distribution({x, {}}), batch.predict(in_double(x)));
}

TEST_CASE("BayesianLinear is not merged with what it cannot be", "[learn][merge][config]") {
  BayesianLinear model = bound_to(2);
  CHECK_THROWS_WITH(model.merge(bound_to(2, {.forgetting = 0.9})), "BayesianLinear: forgetting is 0.9, must be 1 to merge");
  CHECK_THROWS_WITH(bound_to(2, {.forgetting = 0.9}).merge(model), "BayesianLinear: forgetting is 0.9, must be 1 to merge");
  CHECK_THROWS_WITH(model.merge(bound_to(2, {.prior = 1.0})), "BayesianLinear: prior of the other is 1, must be the same to merge: 100");
  CHECK_THROWS_AS(model.merge(bound_to(3)), SchemaError);
}

TEST_CASE("BayesianLinear takes a missing value for the mean so far", "[learn]") {
  constexpr std::size_t d = 3;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.3}, 10, 200);
  BayesianLinear model = bound_to(d);
  BatchPosterior batch;
  std::array<double, d> sum{};
  double total = 0.0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    auto [x, y, weight] = stream[i];
    std::vector<double> filled = in_double(x.dense());
    for (std::size_t j = 0; j < d; ++j) {
      x.dense()[j] += 50.0F;  // 0 is nobody's mean
      filled[j] = is_nan(x.dense()[j]) ? sum[j] / total : static_cast<double>(x.dense()[j]);
      if (i == 0) REQUIRE(!is_nan(x.dense()[j]));
    }
    if (i >= 5) {
      batch.solve(priors_of(model));
      require_same(model.predict_distribution(x), batch.predict(filled));
    }
    model.learn(x, y, weight);
    batch.add(filled, static_cast<double>(y), static_cast<double>(weight));
    total += static_cast<double>(weight);
    for (std::size_t j = 0; j < d; ++j) sum[j] += static_cast<double>(weight) * filled[j];
  }
}

TEST_CASE("BayesianLinear loses nothing to a column that was always missing before", "[learn]") {
  BayesianLinear late = bound_to(2);
  BayesianLinear alone = bound_to(1);
  NormalRows rows{.rng = Rng(11), .columns = 1};
  for (int i = 0; i < 200; ++i) {
    rows.next();
    const std::vector<float> wide = {rows.x[0], missing_value};
    late.learn({wide, {}}, rows.y);
    alone.learn({rows.x, {}}, rows.y);
  }
  const std::vector<float> wide = {1.0F, 1e6F};
  const std::vector<float> narrow = {1.0F};
  CHECK(late.predict({wide, {}}) == alone.predict({narrow, {}}));
  require_same(late.predict_distribution({wide, {}}), alone.predict_distribution({narrow, {}}));
  const float y = 4.0F;
  late.learn({wide, {}}, y);
  alone.learn({narrow, {}}, y);
  require_same(late.predict_distribution({wide, {}}), alone.predict_distribution({narrow, {}}));
  const std::vector<float> other = {1.0F, 1e6F + 1000.0F};  // what never varied may matter as much as the prior says
  CHECK(late.predict_distribution({other, {}}).scale > 5.0 * alone.predict_distribution({narrow, {}}).scale);
}

TEST_CASE("BayesianLinear stays right when ranges grow by 1e30", "[learn][numerics]") {
  // The prior then makes the old weights nothing; had they been subtracted, their rounding would stay as weights of 1e13.
  const auto seed = GENERATE(range(1u, 60u));
  CAPTURE(seed);
  BayesianLinear model = bound_to(3);
  BatchPosterior batch;
  Rng rng(seed);
  const auto learn = [&](std::vector<float> x, float y) {
    model.learn({x, {}}, y);
    batch.add(in_double(x), static_cast<double>(y), 1.0);
  };
  for (int i = 0; i < 20; ++i) {
    const double a = rng.normal();
    const double b = rng.normal();
    const double c = rng.normal();
    learn({static_cast<float>(1e-20 * a), static_cast<float>(1e-20 * (a + b)), static_cast<float>(b - a + c)},
          static_cast<float>(a + b + c));
  }
  learn({1e10F, -3e10F, 0.0F}, 3.0F);
  learn({-2e10F, 1e10F, 1.0F}, -2.0F);
  batch.solve(priors_of(model));
  for (const std::vector<float>& x : {std::vector<float>{1e10F, 0.0F, 1.0F}, {0.0F, 1e10F, 0.0F}, {-2e10F, -1e10F, -1.0F}})
    require_same(model.predict_distribution({x, {}}), batch.predict(in_double(x)));
}

TEST_CASE("BayesianLinear takes a wrong reading for one at ten deviations", "[learn]") {
  const double forgetting = GENERATE(1.0, 0.99);
  BayesianLinear model = bound_to(2, {.forgetting = forgetting});
  BayesianLinear spared = model;
  NormalRows rows{.rng = Rng(15), .columns = 2, .noise = 0.1};
  double weight = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 200; ++i) {
    rows.next();
    const auto x = static_cast<double>(rows.x[0]);
    weight = weight * forgetting + 2.0;
    sum = sum * forgetting + 2.0 * x;
    squares = squares * forgetting + 2.0 * x * x;
    model.learn({rows.x, {}}, rows.y, 2.0F);
    spared.learn({rows.x, {}}, rows.y, 2.0F);
  }
  const double mean = sum / weight;
  const double reach = 10.0 * std::sqrt(squares / weight - mean * mean);
  const std::vector<float> wrong = {-1e12F, 0.5F};
  const std::vector<float> edge = {static_cast<float>(mean - reach), 0.5F};
  CHECK(model.predict({wrong, {}}) == Approx(model.predict({edge, {}})).epsilon(1e-6));
  CHECK(model.predict_distribution({wrong, {}}).scale == Approx(model.predict_distribution({edge, {}}).scale).epsilon(1e-6));
  model.learn({wrong, {}}, 2.0F);
  spared.learn({edge, {}}, 2.0F);
  for (int i = 0; i < 50; ++i) {
    rows.next();
    CHECK(model.predict({rows.x, {}}) == Approx(spared.predict({rows.x, {}})).epsilon(1e-5).margin(1e-5));
  }
}

TEST_CASE("BayesianLinear that forgets keeps a column that stays away for long", "[learn]") {
  BayesianLinear model = bound_to(2, {.forgetting = 0.5});
  NormalRows rows{.rng = Rng(17), .columns = 2, .noise = 0.1};
  for (int i = 0; i < 3000; ++i) {
    rows.next();
    if (i >= 50 && i < 2950) rows.x[1] = missing_value;
    model.learn({rows.x, {}}, rows.y);
  }
  BayesianLinear restored;
  load(restored, save(model));
  const std::vector<float> wrong = {0.0F, 1e12F};
  CHECK(is_finite(restored.predict({wrong, {}})));
  CHECK(std::fabs(restored.predict({wrong, {}})) < 60.0F);
}

TEST_CASE("BayesianLinear leaves a rare indicator as it is", "[learn]") {
  const float yes = GENERATE(1.0F, -1.0F);  // 30 deviations from the mean, and inside the range
  const float no = 0.0F;
  BayesianLinear model = bound_to(1);
  Rng rng(16);
  for (int i = 0; i < 20000; ++i) {
    const bool is = i % 1000 == 999;
    const float& x = is ? yes : no;
    model.learn({std::span(&x, 1), {}}, static_cast<float>((is ? 5.0 : 0.0) + 0.1 * rng.normal()));
  }
  CHECK(model.predict({std::span(&yes, 1), {}}) == Approx(5.0F).margin(0.1));
  const float beyond = 2.0F * yes;
  CHECK(model.predict({std::span(&beyond, 1), {}}) == model.predict({std::span(&yes, 1), {}}));
}

TEST_CASE("BayesianLinear's contributions sum to its prediction", "[learn]") {
  BayesianLinear model = bound_to(3);
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = 3, .sparse = 2, .missing = 0.2}, 13, 300);
  std::array<float, 3> dense{};
  std::array<float, 2> sparse{};
  for (const auto& example : stream) {
    const float intercept = model.contributions(example.x, dense, sparse);
    CHECK(intercept + dense[0] + dense[1] + dense[2] == Approx(model.predict(example.x)).margin(1e-5));
    for (std::size_t j = 0; j < 3; ++j)
      if (is_nan(example.x.dense()[j])) CHECK(dense[j] == 0.0F);
    CHECK((sparse[0] == 0.0F && sparse[1] == 0.0F));
    model.learn(example.x, example.y);
  }
}

TEST_CASE("BayesianLinear knows nothing before it saw two examples, and all of a constant", "[learn]") {
  BayesianLinear model = bound_to(1);
  const std::vector<float> x = {1.0F};
  CHECK(model.predict({x, {}}) == 0.0F);
  CHECK(model.predict_distribution({x, {}}).freedom == 0.0);
  CHECK(!is_finite(model.predict_distribution({x, {}}).scale));
  for (int i = 0; i < 10; ++i) {
    model.learn({x, {}}, 7.0F);
    const auto predictive = model.predict_distribution({x, {}});
    CHECK(predictive.mean == 7.0);
    CHECK(predictive.freedom == static_cast<double>(i));
    CHECK(is_finite(predictive.scale) == (i >= 1));
    CHECK(is_finite(predictive.variance()) == (i >= 3));
  }
  CHECK(model.predict_distribution({x, {}}).scale == 0.0);
}

TEST_CASE("BayesianLinear names the option or column that it cannot take", "[learn][config]") {
  CHECK_THROWS_WITH(BayesianLinear({.prior = 0.0}), "BayesianLinear: prior is 0, must be in [1e-6, 1e9]");
  CHECK_THROWS_WITH(BayesianLinear({.forgetting = 0.0}), "BayesianLinear: forgetting is 0, must be in (0, 1]");
  CHECK_THROWS_AS(BayesianLinear({.forgetting = std::numeric_limits<double>::quiet_NaN()}), ConfigError);
  BayesianLinear model;
  CHECK_THROWS_WITH(model.bind(Schema({{.name = "a"}, {.name = "color", .kind = Column::Kind::nominal}})),
                    "BayesianLinear: column \"color\" is nominal, must be numeric or one_hot()");
  CHECK_THROWS_WITH(model.bind(Schema::numeric(2049)), "BayesianLinear: number of dense columns is 2049, must be <= 2048");
}

TEST_CASE("BayesianLinear refuses an archive of what no model can be", "[learn][archive]") {
  BayesianLinear model = bound_to(2);
  NormalRows rows{.rng = Rng(14), .columns = 2};
  for (int i = 0; i < 50; ++i) {
    rows.next();
    model.learn({rows.x, {}}, rows.y);
  }
  const auto intact = save(model);
  const auto refused = [&](double was, double becomes) {
    std::array<std::byte, sizeof(double)> from{};
    std::array<std::byte, sizeof(double)> to{};
    std::memcpy(from.data(), &was, sizeof(was));
    std::memcpy(to.data(), &becomes, sizeof(becomes));
    auto damaged = intact;
    const auto at = std::search(damaged.begin(), damaged.end(), from.begin(), from.end());
    REQUIRE(at != damaged.end());
    std::copy(to.begin(), to.end(), at);
    BayesianLinear other;
    CHECK_THROWS_AS(load(other, damaged), FormatError);
  };
  const double unit = std::sqrt(model.prior_precision(0) * 100.0);
  refused(unit, 2.0 * unit);
  refused(unit, -unit);
  refused(100.0, 0.0);   // prior
  refused(1.0, 2.0);     // forgetting
  refused(50.0, -50.0);  // weight seen
  // The variances of the weights are the only doubles behind the covariance's tag: each must be positive.
  const std::string tag = "UdCovariance";
  auto damaged = intact;
  const auto at = std::search(damaged.begin(), damaged.end(), tag.begin(), tag.end(),
                              [](std::byte byte, char c) { return byte == static_cast<std::byte>(c); });
  REQUIRE(at != damaged.end());
  const auto first = at + static_cast<std::ptrdiff_t>(tag.size() + sizeof(std::uint32_t) + sizeof(std::uint64_t));
  *(first + 7) ^= std::byte{0x80};
  BayesianLinear other;
  CHECK_THROWS_AS(load(other, damaged), FormatError);
}

TEST_CASE("BayesianLinear keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(BayesianLinear());
  testing::check_learner(BayesianLinear({.prior = 1e-3, .forgetting = 0.97}), {.sparse = 0, .examples = 203});
  testing::check_learner(BayesianLinear({.prior = 1e9, .forgetting = 0.1}), {.dense = 2, .examples = 200, .archived = 20});
}
