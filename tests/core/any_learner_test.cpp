#include "rtml/core/any_learner.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "core/toy_learners.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using namespace rtml;
using testing::ToyLogistic;
using testing::ToySoftmax;

namespace {

/// Answers with the entity of its context; its prediction is a margin that is cut at 0.
class Reading {
 public:
  void bind(const Schema&) {}
  static Task task() noexcept { return Task::binary; }
  static std::uint64_t refused() noexcept { return 0; }
  static float threshold() noexcept { return 0.0F; }
  float predict(Features) const noexcept { return -1.0F; }
  float predict(Features, const Context& context) const noexcept { return static_cast<float>(context.entity); }
  float learn(Features, float, float = 1.0F) noexcept { return -1.0F; }
  float learn(Features, float, float, const Context& context) noexcept { return last_ = static_cast<float>(context.entity); }
  float last() const noexcept { return last_; }
  static std::size_t memory_bytes() noexcept { return sizeof(Reading); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Reading", 1);
    ar(self.last_);
  }

 private:
  float last_ = 0.0F;
};
static_assert(ScalarLearner<Reading>);

/// Keeps every label that reaches it.
class Labels {
 public:
  void bind(const Schema&) {}
  static Task task() noexcept { return Task::classes; }
  static int classes() noexcept { return 3; }
  static std::uint64_t refused() noexcept { return 0; }
  static void predict_proba(Features, std::span<float> p) noexcept {
    for (float& probability : p) probability = 1.0F / 3.0F;
  }
  static int predict(Features) noexcept { return 0; }
  int learn(Features, int label, float = 1.0F) noexcept {
    seen_[count_++ % seen_.size()] = label;
    return 0;
  }
  std::vector<int> seen() const { return {seen_.begin(), seen_.begin() + static_cast<std::ptrdiff_t>(count_)}; }
  static std::size_t memory_bytes() noexcept { return sizeof(Labels); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.count_);
  }

 private:
  std::array<int, 32> seen_{};
  std::size_t count_ = 0;
};
static_assert(ClassLearner<Labels>);

AnyLearner taught(std::size_t examples) {
  AnyLearner any(ToyLogistic<>{});
  any.bind(Schema::numeric(2));
  std::array<float, 1> before{};
  for (const auto& example : testing::labelled_examples({.dense = 2}, 1, examples)) any.learn(example.x, example.y, 1.0F, before);
  return any;
}

float score(const AnyLearner& any, std::vector<float> x) {
  float out = 0.0F;
  any.predict({x, {}}, std::span<float>(&out, 1));
  return out;
}

}  // namespace

TEST_CASE("an erased learner says what it is", "[core]") {
  const AnyLearner any = taught(10);
  CHECK(any.name() == "toy_logistic");
  CHECK(AnyLearner(ToyLogistic<>{}, "champion").name() == "champion");
  CHECK(AnyLearner(Reading{}).name() == "learner");
  CHECK(any.task() == Task::binary);
  CHECK(any.outputs() == 1);
  CHECK(any.threshold() == 0.5F);
  CHECK(AnyLearner(Reading{}).threshold() == 0.0F);
  CHECK(AnyLearner(ToySoftmax(5)).outputs() == 5);
  CHECK(any.schema() == Schema::numeric(2));
  CHECK_FALSE(static_cast<bool>(AnyLearner{}));
  CHECK(static_cast<bool>(any));
  CHECK(any.memory_bytes() > any.as<ToyLogistic<>>()->memory_bytes());
  CHECK(AnyLearner{}.memory_bytes() >= sizeof(AnyLearner));
}

TEST_CASE("a copy of an erased learner learns for itself", "[core]") {
  const AnyLearner original = taught(100);
  const float before = score(original, {1.0F, 0.0F});
  AnyLearner copy = original;
  AnyLearner assigned;
  assigned = original;
  std::array<float, 1> unused{};
  const std::vector<float> x = {1.0F, 0.0F};
  for (int i = 0; i < 50; ++i) copy.learn({x, {}}, 0.0F, 1.0F, unused);
  CHECK(score(original, x) == before);
  CHECK(score(assigned, x) == before);
  CHECK(score(copy, x) < before);
  assigned = std::move(copy);
  CHECK(score(assigned, x) < before);
  const AnyLearner& self = assigned;
  assigned = self;
  CHECK(score(assigned, x) < before);
}

TEST_CASE("as gives the learner itself, of its own type only", "[core]") {
  const AnyLearner any = taught(10);
  REQUIRE(any.as<ToyLogistic<>>() != nullptr);
  CHECK(any.as<ToyLogistic<>>()->predict({}) == score(any, {}));
  CHECK(any.as<ToySoftmax>() == nullptr);
  CHECK(any.as<Reading>() == nullptr);
  CHECK(AnyLearner{}.as<Reading>() == nullptr);
}

TEST_CASE("a learner that uses context gets it, others do without", "[core]") {
  AnyLearner any(Reading{});
  std::array<float, 1> out{};
  any.predict({}, out, {.entity = 7});
  CHECK(out[0] == 7.0F);
  any.learn({}, 1.0F, 1.0F, out, {.entity = 9});
  CHECK(out[0] == 9.0F);
  CHECK(any.as<Reading>()->last() == 9.0F);
  const AnyLearner other = taught(10);
  std::array<float, 1> with{};
  other.predict({}, with, {.entity = 7});
  CHECK(with[0] == score(other, {}));
}

TEST_CASE("a schema that only gained columns is taken, one that lost or changed a column is refused by name", "[core]") {
  AnyLearner any = taught(200);
  const float before = score(any, {0.5F, -0.5F});
  CHECK_THROWS_WITH(any.bind(Schema::numeric(1)), "toy_logistic learned from other features: column \"x1\" is missing");
  CHECK_THROWS_WITH(any.bind(Schema({{.name = "x0"}, {.name = "x1", .kind = Column::Kind::nominal}})),
                    "toy_logistic learned from other features: column \"x1\" is nominal, was numeric");
  CHECK_THROWS_AS(any.bind(Schema({{.name = "x1"}, {.name = "x0"}})), SchemaError);
  CHECK(any.schema() == Schema::numeric(2));
  CHECK(score(any, {0.5F, -0.5F}) == before);
  any.bind(Schema({{.name = "x0"}, {.name = "gained"}, {.name = "x1"}}));
  CHECK(any.schema().dense_size() == 3);
  CHECK(score(any, {0.5F, 123.0F, -0.5F}) == before);
}

TEST_CASE("a label that is no class never reaches a class learner as one", "[core][hostile]") {
  AnyLearner any(Labels{});
  std::array<float, 3> before{};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float label : {nan, inf, -inf, 1e20F, -1e20F, 0.5F, 2.5F, 3.0F, -1.0F, -0.5F, std::nextafter(1.0F, 0.0F)})
    any.learn({}, label, 1.0F, before);
  CHECK(any.as<Labels>()->seen() == std::vector<int>(11, -1));
  CHECK(before[2] == 1.0F / 3.0F);
  AnyLearner good(Labels{});
  for (const float label : {0.0F, -0.0F, 1.0F, 2.0F}) good.learn({}, label, 1.0F, before);
  CHECK(good.as<Labels>()->seen() == std::vector<int>{0, 0, 1, 2});
}

TEST_CASE("before is the prediction made before learning", "[core]") {
  AnyLearner any(ToySoftmax(3));
  any.bind(Schema::numeric(2));
  std::array<float, 3> asked{};
  std::array<float, 3> before{};
  for (const auto& example : testing::labelled_examples({.task = Task::classes, .classes = 3, .dense = 2}, 3, 50)) {
    any.predict(example.x, asked);
    any.learn(example.x, example.y, 1.0F, before);
    REQUIRE(asked == before);
  }
}

TEST_CASE("a linear learner explains its margin column by column, others do not", "[core]") {
  const AnyLearner any = taught(300);
  const std::vector<float> x = {1.5F, std::numeric_limits<float>::quiet_NaN()};
  const std::vector<SparseFeature> words = {{3, 1.0F}};
  std::array<float, 2> dense{};
  std::array<float, 1> sparse{};
  float intercept = 0.0F;
  REQUIRE(any.explain({x, words}, dense, sparse, intercept));
  CHECK(dense[1] == 0.0F);
  CHECK(sparse[0] == 0.0F);
  float p = 0.0F;
  any.predict({x, words}, std::span<float>(&p, 1));
  CHECK(1.0 / (1.0 + std::exp(-static_cast<double>(intercept + dense[0]))) == Approx(p));
  CHECK(dense[0] > 0.0F);
  CHECK_FALSE(AnyLearner(ToySoftmax(2)).explain({x, {}}, dense, {}, intercept));
}

TEST_CASE("an erased learner restores into one that was built alike, its schema too", "[core][archive]") {
  const AnyLearner any = taught(100);
  AnyLearner restored(ToyLogistic<>{});
  load(restored, save(any));
  CHECK(restored.schema() == any.schema());
  CHECK(score(restored, {0.3F, 0.4F}) == score(any, {0.3F, 0.4F}));
  testing::check_archive(any, AnyLearner(ToyLogistic<>{}), [](AnyLearner& read) {
    const std::array<float, 2> x = {1.0F, 2.0F};
    std::array<float, 1> out{};
    read.predict({x, {}}, out);
    read.learn({x, {}}, 1.0F, 1.0F, out);
  });
}

TEST_CASE("an archive of another learner, type or presence is refused", "[core][archive]") {
  const auto bytes = save(taught(10));
  AnyLearner renamed(ToyLogistic<>{}, "other");
  CHECK_THROWS_WITH(load(renamed, bytes),
                    "archive: AnyLearner holds a value out of range: learner name (saved: another learner) (at byte 43)");
  AnyLearner other(ToySoftmax(2), "toy_logistic");
  CHECK_THROWS_AS(load(other, bytes), FormatError);
  AnyLearner none;
  CHECK_THROWS_WITH(load(none, bytes), "archive: AnyLearner holds a value out of range: presence of a learner (at byte 23)");
  AnyLearner present(ToyLogistic<>{});
  CHECK_THROWS_AS(load(present, save(AnyLearner{})), FormatError);
  CHECK_NOTHROW(load(none, save(AnyLearner{})));
  CHECK_FALSE(static_cast<bool>(none));
}

TEST_CASE("refusals of the learner show through its erasure", "[core]") {
  AnyLearner any = taught(5);
  std::array<float, 1> before{};
  any.learn({}, std::numeric_limits<float>::quiet_NaN(), 1.0F, before);
  any.learn({}, 1.0F, -1.0F, before);
  CHECK(any.refused() == 2);
}
