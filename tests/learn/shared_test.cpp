#include "rtml/learn/shared.hpp"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

Schema shared_schema() {
  return Schema(
      {{.name = "a"}, {.name = "b"}, {.name = "code", .kind = Column::Kind::nominal}, {.name = "words", .kind = Column::Kind::hashed}});
}

struct SharedRow {
  std::vector<float> dense;
  std::vector<SparseFeature> sparse;
  float y = 0.0F;
  Features x() const { return {dense, sparse}; }
};

/// A label of a dense column, a code and two words out of `words`.
std::vector<SharedRow> shared_rows(std::size_t n, std::uint64_t words = 200, bool number = false) {
  Rng rng(3);
  std::vector<SharedRow> rows(n);
  for (SharedRow& row : rows) {
    const float code = static_cast<float>(rng.below(5));
    row.dense = {static_cast<float>(rng.normal()), static_cast<float>(100.0 * rng.normal()), code};
    if (rng.below(20) == 0) row.dense[1] = std::numeric_limits<float>::quiet_NaN();
    double margin = static_cast<double>(row.dense[0]) + 0.5 * static_cast<double>(code) - 1.0;
    for (int i = 0; i < 2; ++i) {
      const auto word = static_cast<std::uint32_t>(rng.below(words));
      row.sparse.push_back({word * 2654435761U, 1.0F});
      margin += word % 2 == 0 ? 1.5 : -1.5;
    }
    row.y = number ? static_cast<float>(margin) : (rng.uniform() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
  }
  return rows;
}

template <class Model>
Model bound(typename Model::Options options = {}) {
  options.bits = 10;
  Model model(options);
  model.bind(shared_schema());
  return model;
}

double log_loss(float p, float y) {
  const double q = std::min(std::max(static_cast<double>(p), 1e-6), 1.0 - 1e-6);
  return -std::log(y > 0.5F ? q : 1.0 - q);
}

}  // namespace

TEMPLATE_TEST_CASE("One learner of a shared model learns what a Linear learns, to the bit", "[learn][property]", (Linear<Logistic>),
                   (Linear<Squared>), (Linear<Logistic, FtrlProximal>), (Linear<Poisson, AdaGrad>), (Linear<Hinge, Sgd>),
                   (Linear<Logistic, Nag>)) {
  const auto rows = shared_rows(800, 200, std::same_as<TestType, Linear<Squared>>);
  auto plain = bound<TestType>({.interactions = {{"a", "code"}, {"a", "b"}}});
  for (std::size_t i = 0; i < 100; ++i) plain.learn(rows[i].x(), rows[i].y);
  Shared shared(plain);
  auto learner = shared.learner();
  for (std::size_t i = 100; i < rows.size(); ++i) {
    REQUIRE(shared.predict(rows[i].x()) == plain.predict(rows[i].x()));
    const float weight = static_cast<float>(i % 3);
    REQUIRE(learner.learn(rows[i].x(), rows[i].y, weight) == plain.learn(rows[i].x(), rows[i].y, weight));
  }
  CHECK(learner.learn(rows[0].x(), std::numeric_limits<float>::infinity()) ==
        plain.learn(rows[0].x(), std::numeric_limits<float>::infinity()));
  CHECK(shared.refused() == 1);
  CHECK(save(shared.snapshot()) == save(plain));
}

TEST_CASE("Learners of a shared model take over what the others learned", "[learn]") {
  const auto rows = shared_rows(1000);
  auto plain = bound<LogisticRegression>();
  Shared shared(plain);
  auto one = shared.learner();
  auto other = shared.learner();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float expected = plain.learn(rows[i].x(), rows[i].y);
    REQUIRE((i % 3 == 0 ? one : other).learn(rows[i].x(), rows[i].y) == expected);
  }
  CHECK(save(shared.snapshot()) == save(plain));
}

TEST_CASE("Threads predict with a shared model while one learns", "[learn][threads]") {
  const auto rows = shared_rows(4000);
  auto plain = bound<LogisticRegression>();
  for (const SharedRow& row : rows) plain.learn(row.x(), row.y);

  Shared shared(bound<LogisticRegression>());
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> predicted{0};
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < 3; ++t)
    readers.emplace_back([&, t] {
      for (std::size_t i = t; !done.load(std::memory_order_relaxed) || predicted.load() < 100; i = (i + 1) % rows.size()) {
        const float p = shared.predict(rows[i].x());
        if (!(p >= 0.0F && p <= 1.0F)) ++wrong;
        ++predicted;
      }
    });
  auto learner = shared.learner();
  for (const SharedRow& row : rows) learner.learn(row.x(), row.y);
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
  CHECK(predicted >= 100);
  CHECK(save(shared.snapshot()) == save(plain));
}

TEST_CASE("Several threads learn one model", "[learn][threads]") {
  const auto rows = shared_rows(20000, 400);
  auto plain = bound<LogisticRegression>();
  double alone = 0.0;
  for (const SharedRow& row : rows) alone += log_loss(plain.learn(row.x(), row.y), row.y);

  Shared shared(bound<LogisticRegression>());
  constexpr std::size_t count = 4;
  std::vector<double> losses(count, 0.0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      auto learner = shared.learner();
      for (std::size_t i = t; i < rows.size(); i += count) losses[t] += log_loss(learner.learn(rows[i].x(), rows[i].y), rows[i].y);
    });
  for (std::thread& thread : threads) thread.join();
  double together = 0.0;
  for (const double loss : losses) together += loss;
  CHECK(together < 1.05 * alone);

  const auto model = shared.snapshot();
  double held_out = 0.0;
  double of_plain = 0.0;
  for (std::size_t i = 0; i < 2000; ++i) {
    held_out += log_loss(model.predict(rows[i].x()), rows[i].y);
    of_plain += log_loss(plain.predict(rows[i].x()), rows[i].y);
  }
  CHECK(held_out < 1.1 * of_plain);
}

TEST_CASE("A shared model refuses penalties that are worked in lazily", "[learn]") {
  CHECK_THROWS_WITH(Shared(bound<LogisticRegression>({.l1 = 1e-6F})), "Shared: l1 or l2 is 1e-06, must be 0, or of FTRL");
  CHECK_NOTHROW(Shared(bound<Linear<Logistic, FtrlProximal>>({.l1 = 1e-6F})));
}
