#include "rtml/serve/shadow.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/core/bounded_queue.hpp"
#include "rtml/core/error.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/softmax.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

namespace {

LogisticRegression shadow_model(std::uint64_t examples) {
  std::vector<Column> columns;
  for (int i = 0; i < 4; ++i) columns.push_back({.name = "x" + std::to_string(i)});
  columns.push_back({.name = "words", .kind = Column::Kind::hashed});
  LogisticRegression model({.bits = 8});
  model.bind(Schema(std::move(columns)));
  for (const auto& example : rtml::testing::labelled_examples({.sparse = 2}, 1, examples)) model.learn(example.x, example.y);
  return model;
}

using Rows = Shadow<LogisticRegression>;

}  // namespace

TEST_CASE("A shadow scores what was served, and labels tell which model errs less", "[serve]") {
  const LogisticRegression served = shadow_model(30);
  const LogisticRegression better = shadow_model(3000);
  Rows shadow(better, {.queue = 64, .dense = 4, .sparse = 2});
  const auto stream = rtml::testing::labelled_examples({.sparse = 2}, 9, 1000);
  stats::Moments loss;
  stats::Moments served_loss;
  double agreed = 0.0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& example = stream[i];
    const float score = served.predict(example.x);
    REQUIRE(shadow.offer(i, example.x, score));
    if (i % 50 == 49) CHECK(shadow.work() == 50);
    const float said = better.predict(example.x);
    agreed += (said > 0.5F) == (score > 0.5F) ? 1.0 : 0.0;
    loss.update(Rows::squared(said, example.y));
    served_loss.update(Rows::squared(score, example.y));
  }
  for (std::size_t i = 0; i < stream.size(); ++i) REQUIRE(shadow.label(i, stream[i].y));
  CHECK(shadow.scored() == 1000);
  CHECK(shadow.dropped() == 0);
  CHECK(shadow.agreement() == Approx(agreed / 1000.0));
  CHECK(shadow.loss().mean() == Approx(loss.mean()));
  CHECK(shadow.served_loss().mean() == Approx(served_loss.mean()));
  CHECK(shadow.difference().mean() == Approx(loss.mean() - served_loss.mean()));
  CHECK(shadow.loss().mean() < shadow.served_loss().mean());
  CHECK(shadow.gaps().count() == 1000);
  CHECK_FALSE(shadow.label(3, 1.0F));  // once
  CHECK_FALSE(shadow.label(5000, 1.0F));
  CHECK(shadow.unknown_labels() == 2);
}

TEST_CASE("What a shadow keeps is bounded: rows are dropped, old answers make room, both counted", "[serve]") {
  Rows shadow(shadow_model(10), {.queue = 8, .dense = 4, .sparse = 1, .waiting = 4});
  const std::array<float, 5> dense{};
  const std::array<SparseFeature, 2> sparse{};
  for (std::uint64_t i = 0; i < 20; ++i) CHECK(shadow.offer(i, {std::span(dense).first(4), {}}, 0.5F) == (i < 8));
  CHECK(shadow.dropped() == 12);
  CHECK_FALSE(shadow.offer(1, {dense, {}}, 0.5F));
  CHECK_FALSE(shadow.offer(1, {std::span(dense).first(4), sparse}, 0.5F));
  CHECK(shadow.dropped() == 14);
  CHECK(shadow.work(3) == 3);
  CHECK(shadow.work() == 5);
  for (std::uint64_t i = 20; i < 25; ++i) REQUIRE(shadow.offer(i, {std::span(dense).first(4), {}}, 0.5F));
  shadow.work();
  CHECK(shadow.replaced() == 5);  // 8 answers are kept: the newest
  for (std::uint64_t i = 0; i < 25; ++i) CHECK(shadow.label(i, 1.0F) == ((i >= 5 && i < 8) || i >= 20));
  REQUIRE(shadow.offer(30, {std::span(dense).first(4), {}}, std::numeric_limits<float>::quiet_NaN()));
  shadow.work();
  CHECK(shadow.refused() == 1);
  CHECK_FALSE(shadow.label(30, 1.0F));
  REQUIRE(shadow.offer(31, {std::span(dense).first(4), {}}, 0.5F));
  shadow.work();
  CHECK_FALSE(shadow.label(31, std::numeric_limits<float>::infinity()));
  CHECK(shadow.label(31, 1.0F));
}

TEST_CASE("Offering a row allocates nothing, nor do scoring and labels", "[serve]") {
  Rows shadow(shadow_model(10), {.queue = 16, .dense = 4, .sparse = 2});
  const auto stream = rtml::testing::labelled_examples({.sparse = 2}, 2, 100);
  const rtml::testing::AllocationCounter allocations;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    shadow.offer(i, stream[i].x, 0.5F);
    if (i % 10 == 9) shadow.work();
    shadow.label(i, 1.0F);
  }
  const auto count = allocations.count();
  CHECK(count == 0);
}

TEST_CASE("Requests of several threads reach a shadow whole, each once, or are counted as dropped", "[serve][threads]") {
  const LogisticRegression model = shadow_model(100);
  Rows shadow(model, {.queue = 32, .dense = 4, .sparse = 2});
  const auto stream = rtml::testing::labelled_examples({.sparse = 2}, 4, 200);
  std::atomic<int> running{3};
  std::vector<std::thread> requests;
  for (std::uint32_t t = 0; t < 3; ++t)
    requests.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto& example = stream[(i + t) % stream.size()];
        shadow.offer({t, i}, example.x, model.predict(example.x));
      }
      --running;
    });
  std::size_t scored = 0;
  while (running > 0) scored += shadow.work();
  for (std::thread& thread : requests) thread.join();
  scored += shadow.work();
  CHECK(scored + shadow.dropped() == 6000);
  CHECK(shadow.agreement() == 1.0);
  CHECK(shadow.gaps().mean() == 0.0);  // a torn row would be scored otherwise
}

TEST_CASE("Shadow refuses options that make no sense", "[serve][config]") {
  CHECK_THROWS_WITH(Rows(shadow_model(1), {.queue = 0}), "Shadow: queue is 0, must be in [1, 2^31]");
  CHECK_THROWS_AS(Rows(shadow_model(1), {.waiting = 0}), ConfigError);
  CHECK_THROWS_AS(Rows(shadow_model(1), {.loss = nullptr}), ConfigError);
  CHECK_THROWS_WITH(Rows(shadow_model(1), {.dense = std::size_t{1} << 62U}), "Shadow: dense is 4611686018427387904, must be at most 2^31");
  CHECK_THROWS_AS(Rows(shadow_model(1), {.sparse = std::size_t{1} << 62U}), ConfigError);
  CHECK_THROWS_WITH(Shadow<AnyLearner>(AnyLearner(Softmax({.classes = 3})), {}), "Shadow: outputs of the model is 3, must be 1");
}
