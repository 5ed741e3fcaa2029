// Linear models of shards joined into one.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

constexpr std::size_t merge_fields = 12;

struct Click {
  std::vector<float> dense;
  std::vector<SparseFeature> sparse;
  float y = 0.0F;
  Features x() const { return {dense, sparse}; }
};

/// Clicks as advertisers see them: ids of vocabularies of 10 to 20,000, the small ones frequent, each with its own effect; two columns.
std::vector<Click> clicks(std::size_t n, bool number = false) {
  Rng rng(11);
  std::vector<Click> all(n);
  for (Click& click : all) {
    double margin = -1.0;
    for (std::size_t f = 0; f < merge_fields; ++f) {
      const double vocabulary = std::pow(10.0, 1.0 + 3.3 * static_cast<double>(f) / static_cast<double>(merge_fields));
      const auto id = static_cast<std::uint64_t>(std::pow(vocabulary, rng.uniform()));
      const std::uint64_t hash = hash_integer(id, f);
      click.sparse.push_back({static_cast<std::uint32_t>(hash), 1.0F});
      margin += 0.5 * (static_cast<double>(hash >> 40U) / static_cast<double>(1U << 24U) * 2.0 - 1.0);
    }
    click.dense = {static_cast<float>(rng.normal()), static_cast<float>(5.0 + 2.0 * rng.normal())};
    margin += 0.5 * static_cast<double>(click.dense[0]) - 0.2 * static_cast<double>(click.dense[1]);
    click.y = number ? static_cast<float>(10.0 * margin + rng.normal()) : (rng.uniform() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
  }
  return all;
}

template <class Model>
Model click_model(typename Model::Options options = {}) {
  options.bits = 16;
  Model model(options);
  model.bind(Schema({{.name = "a"}, {.name = "b"}, {.name = "ids", .kind = Column::Kind::hashed}}));
  return model;
}

/// So many models, each of its share of rows at random.
template <class Model>
std::vector<Model> learned_in_shards(std::size_t count, std::span<const Click> rows) {
  std::vector<Model> shards(count, click_model<Model>());
  Rng rng(count);
  for (const Click& row : rows) shards[rng.below(count)].learn(row.x(), row.y);
  return shards;
}

template <class Loss>
double held_out(const auto& model, std::span<const Click> rows, const Loss& /*loss*/) {
  double sum = 0.0;
  for (const Click& row : rows) {
    const double p = static_cast<double>(model.predict(row.x()));
    const double y = static_cast<double>(row.y);
    if constexpr (Loss::task == Task::binary) {
      sum -= std::log(y > 0.5 ? p : 1.0 - p);
    } else {
      sum += 0.5 * (p - y) * (p - y);
    }
  }
  return sum / static_cast<double>(rows.size());
}

}  // namespace

static_assert(Mergeable<LogisticRegression> && Mergeable<LinearRegression> && Mergeable<Linear<Logistic, AdaGrad>> &&
              Mergeable<Linear<Logistic, FtrlProximal>> && Mergeable<Linear<Hinge, Nag>>);
static_assert(!Mergeable<Linear<Logistic, Sgd>>, "nothing says how much each learned of a weight");

TEMPLATE_TEST_CASE("Shards merged come close to one learner that saw all", "[learn][merge][simulation]", (Linear<Logistic>),
                   (Linear<Logistic, AdaGrad>), (Linear<Logistic, FtrlProximal>), (Linear<Logistic, Nag>), (Linear<Squared>)) {
  constexpr bool number = std::same_as<TestType, Linear<Squared>>;
  using Loss = std::conditional_t<number, Squared, Logistic>;
  const auto rows = clicks(24000, number);
  const std::span<const Click> seen = std::span(rows).first(20000);
  const std::span<const Click> unseen = std::span(rows).subspan(20000);
  const TestType whole = learned_in_shards<TestType>(1, seen)[0];
  const double best = held_out(whole, unseen, Loss{});

  for (const std::size_t count : {2U, 8U}) {
    auto shards = learned_in_shards<TestType>(count, seen);
    double of_shards = 0.0;
    for (const TestType& shard : shards) of_shards += held_out(shard, unseen, Loss{}) / static_cast<double>(count);
    for (std::size_t k = 1; k < count; ++k) shards[0].merge(shards[k]);
    CAPTURE(count, best, of_shards);
    const double merged = held_out(shards[0], unseen, Loss{});
    CHECK(merged < of_shards);
    if (!number) CHECK(merged < 1.04 * best);  // a shard of 8 saw 2,500 rows

    const float before = shards[0].predict(rows[0].x());
    shards[0].merge(click_model<TestType>());
    CHECK(shards[0].predict(rows[0].x()) == Approx(before).epsilon(1e-5));
    shards[0].learn(rows[0].x(), rows[0].y);  // and goes on
  }
}

namespace {

/// Clicks by one id of each of 30 fields, of vocabularies of 10 to a million, ids by Zipf's law of exponent 1.1; each id has its own normal
/// effect, each field its own scale.
class AdvertisedClicks {
 public:
  static constexpr std::size_t fields = 30;

  explicit AdvertisedClicks(std::size_t n) : rows_(n) {
    Rng rng(20260101);
    std::vector<double> margins(n, -2.2);
    for (std::size_t f = 0; f < fields; ++f) {
      const double scale = 0.15 + 0.5 * rng.uniform();
      const std::vector<double> below = cumulative(std::lround(std::pow(10.0, 1.0 + 5.0 * static_cast<double>(f) / (fields - 1))));
      for (std::size_t i = 0; i < n; ++i) {
        const auto id = std::upper_bound(below.begin(), below.end() - 1, rng.uniform() * below.back()) - below.begin();
        const std::uint64_t hash = hash_integer(static_cast<std::uint64_t>(id), f);
        rows_[i].sparse.push_back({static_cast<std::uint32_t>(hash), 1.0F});
        margins[i] += scale * Rng(hash).normal();
      }
    }
    for (std::size_t i = 0; i < n; ++i) rows_[i].y = rng.uniform() < 1.0 / (1.0 + std::exp(-margins[i])) ? 1.0F : 0.0F;
  }

  std::span<const Click> rows() const { return rows_; }

 private:
  static std::vector<double> cumulative(long ids) {
    std::vector<double> sums(static_cast<std::size_t>(ids));
    double sum = 0.0;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sum += std::pow(static_cast<double>(i + 1), -1.1);
    return sums;
  }

  std::vector<Click> rows_;
};

}  // namespace

TEMPLATE_TEST_CASE("2 and 8 shards of advertised clicks, merged, come within 1 % of one learner", "[learn][merge][simulation]",
                   (Linear<Logistic>), (Linear<Logistic, AdaGrad>), (Linear<Logistic, FtrlProximal>)) {
  static const AdvertisedClicks clicks(150'000);
  const auto seen = clicks.rows().first(120'000);
  const auto unseen = clicks.rows().subspan(120'000);
  const auto learned = [&](std::size_t count) {
    TestType model({.bits = 20});
    model.bind(Schema({{.name = "ids", .kind = Column::Kind::hashed}}));
    std::vector<TestType> shards(count, model);
    Rng rng(count);
    for (const Click& row : seen) shards[rng.below(count)].learn(row.x(), row.y);
    for (std::size_t k = 1; k < count; ++k) shards[0].merge(shards[k]);
    return held_out(shards[0], unseen, Logistic{});
  };
  const double best = learned(1);
  const double of_two = learned(2);
  const double of_eight = learned(8);
  CAPTURE(best, of_two, of_eight);
  CHECK(of_two < 1.01 * best);
  CHECK(of_eight < 1.01 * best);
}

TEMPLATE_TEST_CASE("The order of merges does not matter, but for rounding", "[learn][merge][property]", (Linear<Logistic>),
                   (Linear<Logistic, FtrlProximal>), (Linear<Squared, AdaGrad>), (Linear<Logistic, Nag>)) {
  const auto rows = clicks(3000, std::same_as<TestType, Linear<Squared, AdaGrad>>);
  for (const float l1 : {0.0F, 1e-4F}) {
    std::vector<TestType> shards(3, click_model<TestType>({.l1 = l1}));
    for (std::size_t i = 0; i < rows.size(); ++i) shards[i < 500 ? 0 : 1 + i % 2].learn(rows[i].x(), rows[i].y);
    TestType forwards = shards[0];
    forwards.merge(shards[1]);
    forwards.merge(shards[2]);
    TestType backwards = shards[1];
    backwards.merge(shards[2]);
    TestType first = shards[0];
    first.merge(backwards);
    backwards = shards[2];
    backwards.merge(shards[1]);
    backwards.merge(shards[0]);
    for (std::size_t i = 0; i < 300; ++i) {
      const float p = forwards.predict(rows[i].x());
      REQUIRE(backwards.predict(rows[i].x()) == Approx(p).epsilon(2e-3).margin(2e-3));
      REQUIRE(first.predict(rows[i].x()) == Approx(p).epsilon(2e-3).margin(2e-3));
    }
  }
}

TEST_CASE("What does not fit together is not merged", "[learn][merge]") {
  auto model = click_model<LogisticRegression>();
  LogisticRegression other;
  other.bind(model.schema());
  CHECK_THROWS_WITH(model.merge(other), "logistic: bits of what is merged is 18, must be 16");
  LogisticRegression stranger({.bits = 16});
  stranger.bind(Schema::numeric(2));
  CHECK_THROWS_WITH(model.merge(stranger), "logistic learned from other features: column \"a\" is missing");
}
