#include "rtml/serve/snapshots.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/softmax.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;
using namespace std::chrono_literals;

namespace {

using Labelled = rtml::testing::OwnedExample;

/// Hides how a linear learner is copied cell by cell: it follows by learning again.
struct PlainLogistic {
  LogisticRegression inner;

  Task task() const noexcept { return inner.task(); }
  std::uint64_t refused() const noexcept { return inner.refused(); }
  std::size_t memory_bytes() const noexcept { return inner.memory_bytes(); }
  void bind(const Schema& schema) { inner.bind(schema); }
  float predict(const Features& x) const noexcept { return inner.predict(x); }
  float learn(const Features& x, float y, float weight = 1.0F) noexcept { return inner.learn(x, y, weight); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.inner);
  }
};
static_assert(detail::CopiesCells<LogisticRegression> && !detail::CopiesCells<PlainLogistic>);

Schema mixed_schema(std::size_t dense, bool nominal) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < dense; ++i) {
    columns.push_back({.name = "x" + std::to_string(i)});
    if (nominal && i + 1 == dense) columns.back().kind = Column::Kind::nominal;
  }
  columns.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(std::move(columns));
}

std::vector<Labelled> rows(std::size_t count, std::size_t nominal, std::uint64_t seed = 3) {
  return rtml::testing::labelled_examples({.nominal = nominal, .sparse = 6}, seed, count);
}

/// Learns a stream, publishing now and then, with readers that hold on to old snapshots for a while; what is served must be, to the bit, a
/// learner that stopped at that update.
template <class Learner>
void check_served(Learner fresh, const Schema& schema, const std::vector<Labelled>& stream, std::uint64_t every) {
  fresh.bind(schema);
  Learner plain = fresh;
  Snapshots<Learner> model(fresh, {.every = every, .interval = Duration::zero()});
  std::vector<std::vector<std::byte>> states{save(plain)};  // after so many updates
  std::optional<typename Snapshots<Learner>::Guard> held;
  std::uint64_t bad = 0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const Labelled& example = stream[i];
    const auto expected = plain.learn(example.x, example.y, example.weight);
    if (model.learn(example.x, example.y, example.weight) != expected) ++bad;
    states.push_back(save(plain));
    if (i % 97 == 13) held.emplace(model.read());
    if (i % 97 == 80) held.reset();
    const auto guard = model.read();
    if (model.updates() - guard.updates() != model.updates_behind()) ++bad;
    if (i % 97 > 92 && model.updates_behind() >= every) ++bad;  // nobody holds anything since a while
    if (i % every == 0 && save(*guard) != states[guard.updates()]) ++bad;
    if (held && save(**held) != states[held->updates()]) ++bad;
    if (model.copies() > 3) ++bad;
  }
  CHECK(bad == 0);
  held.reset();
  REQUIRE(model.publish());
  CHECK(model.updates_behind() == 0);
  CHECK(save(*model.read()) == states.back());
  CHECK(save(model.learner()) == states.back());
}

/// Lets a model and its plain twin learn so many more of `n` rows at each call.
auto both_learn(Snapshots<LogisticRegression>& model, LogisticRegression& plain, std::size_t n) {
  return [&model, &plain, stream = rows(n, 0), next = std::size_t{0}](std::size_t count) mutable {
    for (const std::size_t end = next + count; next < end; ++next) {
      model.learn(stream[next].x, stream[next].y);
      plain.learn(stream[next].x, stream[next].y);
    }
  };
}

}  // namespace

TEST_CASE("A served snapshot is the learner as it was after some update, to the bit", "[serve]") {
  const Schema schema = mixed_schema(4, true);
  LogisticRegression::Options options{.bits = 8};
  SECTION("cells of hashed values with scales, nominal codes") { check_served(LogisticRegression(options), schema, rows(400, 1), 7); }
  SECTION("products of columns") {
    options.interactions = {{"x0", "x3"}, {"x1", "x2"}};
    check_served(LogisticRegression(options), schema, rows(300, 1), 5);
  }
  SECTION("lazy penalties, so strong that the whole table is swept") {
    options.l1 = 0.01F;
    options.l2 = 2.0F;
    check_served(LogisticRegression(options), schema, rows(300, 1), 5);
  }
  SECTION("categories first, and values that need scales after them") {
    auto stream = rows(300, 1);
    for (std::size_t i = 0; i < 150; ++i)
      for (SparseFeature& feature : stream[i].x.sparse()) feature.value = 1.0F;
    check_served(LogisticRegression(options), schema, stream, 11);
  }
  SECTION("another loss and optimizer") { check_served(Linear<Squared, AdaGrad>({.bits = 8}), schema, rows(300, 1), 7); }
  SECTION("by learning again") { check_served(PlainLogistic{LogisticRegression(options)}, schema, rows(400, 1), 7); }
}

TEST_CASE("A snapshot of a learner of classes is served too", "[serve]") {
  Softmax softmax({.classes = 3});
  softmax.bind(mixed_schema(4, false));
  Softmax plain = softmax;
  Snapshots<Softmax> model(softmax, {.every = 10});
  for (const Labelled& example : rtml::testing::labelled_examples({.task = Task::classes, .classes = 3, .sparse = 2}, 5, 200)) {
    const int label = static_cast<int>(example.y);
    CHECK(model.learn(example.x, label) == plain.learn(example.x, label));
  }
  REQUIRE(model.publish());
  CHECK(save(*model.read()) == save(plain));
}

TEST_CASE("A reader that holds an old snapshot costs one copy more, two put a publish off; nothing is lost", "[serve]") {
  LogisticRegression learner({.bits = 8});
  learner.bind(mixed_schema(4, false));
  LogisticRegression plain = learner;
  Snapshots<LogisticRegression> model(learner, {.every = 10, .interval = Duration::zero()});
  auto learn = both_learn(model, plain, 1000);
  learn(100);
  CHECK(model.copies() == 2);
  CHECK(model.published() == 10);
  std::optional first(model.read());
  learn(10);
  CHECK(model.copies() == 3);
  CHECK(model.published() == 11);
  learn(100);  // which others see
  CHECK(model.copies() == 3);
  CHECK(model.published() == 21);
  CHECK(model.coalesced() == 0);
  CHECK(save(*model.read()) == save(plain));
  std::optional second(model.read());
  learn(100);  // one more goes out, then both older copies are held
  CHECK(model.copies() == 4);
  CHECK(model.published() == 22);
  CHECK(model.coalesced() == 9);
  CHECK(model.updates_behind() == 90);
  first.reset();
  learn(10);
  CHECK(model.published() == 23);
  CHECK(model.updates_behind() == 0);
  CHECK(save(*model.read()) == save(plain));
  second.reset();
  learn(500);
  CHECK(model.copies() == 2);
  CHECK(model.updates_behind() == 0);
  CHECK(save(*model.read()) == save(plain));
}

TEST_CASE("A publish that finds no memory, or whose clock throws, loses nothing: learning goes on", "[serve]") {
  LogisticRegression learner({.bits = 12});
  learner.bind(mixed_schema(4, false));
  LogisticRegression plain = learner;
  bool broken = false;
  const auto clock = [&] { return broken ? throw std::runtime_error("no time") : Time{}; };
  Snapshots<LogisticRegression> model(learner, {.every = 1'000'000, .interval = Duration::zero(), .clock = clock});
  auto learn = both_learn(model, plain, 300);
  learn(100);
  broken = true;
  CHECK_THROWS_AS(model.publish(), std::runtime_error);
  broken = false;
  learn(50);
  CHECK(model.published() == 0);
  {
    const auto held = model.read();  // so that a third copy is needed
    const rtml::testing::AllocationLimit limit(10'000);
    CHECK_THROWS_AS(model.publish(), std::bad_alloc);
  }
  CHECK(model.updates_behind() == 0);
  CHECK(save(*model.read()) == save(plain));
  CHECK(save(model.learner()) == save(plain));
  learn(50);
  REQUIRE(model.publish());
  CHECK(save(*model.read()) == save(plain));
  CHECK(model.copies() == 2);
}

TEST_CASE("Snapshots go out by time too, and tell their age", "[serve]") {
  LogisticRegression learner;
  learner.bind(mixed_schema(2, false));
  std::int64_t now = 1'000'000;
  Snapshots<LogisticRegression> model(learner, {.every = 1'000'000, .interval = 50ms, .clock = [&] { return Time(Duration(now)); }});
  const auto stream = rtml::testing::labelled_examples({.dense = 2, .sparse = 1}, 4, 200);
  for (std::size_t i = 0; i < 100; ++i) model.learn(stream[i].x, stream[i].y);
  CHECK(model.published() == 0);
  CHECK(model.updates_behind() == 100);
  now += 49'000;
  CHECK(model.age() == 49ms);
  model.publish_if_due();
  CHECK(model.published() == 0);
  now += 1'000;
  for (std::size_t i = 100; i < 116; ++i) model.learn(stream[i].x, stream[i].y);  // the clock is looked at every 16
  CHECK(model.published() == 1);
  CHECK(model.updates_behind() == 4);
  CHECK(model.age() == 0ms);
  now += 60'000;
  model.publish_if_due();
  CHECK(model.updates_behind() == 0);
  now += 60'000;
  model.publish_if_due();  // nothing new
  CHECK(model.published() == 2);
}

TEST_CASE("Threads predict from whole snapshots, in order, while one learns", "[serve][threads]") {
  LogisticRegression learner({.bits = 10});
  learner.bind(mixed_schema(4, false));
  const auto stream = rows(2000, 0);
  const auto probes = rows(8, 0, 9);
  // What each number of updates predicts, by a learner alone.
  LogisticRegression plain = learner;
  std::vector<std::vector<float>> expected;
  const auto ask = [&](const LogisticRegression& model) {
    std::vector<float> scores;
    for (const Labelled& probe : probes) scores.push_back(model.predict(probe.x));
    return scores;
  };
  expected.push_back(ask(plain));
  for (const Labelled& example : stream) {
    plain.learn(example.x, example.y);
    expected.push_back(ask(plain));
  }
  Snapshots<LogisticRegression> model(learner, {.every = 10});
  std::atomic<bool> stop{false};
  std::atomic<int> faults{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      std::uint64_t newest = 0;
      for (int round = 0; !stop.load() || round < 20; ++round) {
        const auto guard = model.read();
        if (guard.updates() < newest || ask(*guard) != expected[guard.updates()]) ++faults;
        newest = guard.updates();
        static_cast<void>(model.updates_behind());
        static_cast<void>(model.age());
      }
    });
  for (const Labelled& example : stream) model.learn(example.x, example.y);
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(faults == 0);
  REQUIRE(model.publish());
  CHECK(ask(*model.read()) == expected.back());
}

TEST_CASE("What a big table notes of touched cells is bounded: beyond it a copy is whole", "[serve]") {
  LogisticRegression learner({.bits = 6});
  learner.bind(mixed_schema(4, false));
  LogisticRegression plain = learner;
  Snapshots<LogisticRegression> model(learner, {.every = 1'000'000, .interval = Duration::zero()});
  const std::size_t before = model.memory_bytes();
  const auto stream = rows(3000, 0);
  for (const Labelled& example : stream) {
    model.learn(example.x, example.y);
    plain.learn(example.x, example.y);
  }
  CHECK(model.memory_bytes() <= before + 3 * 4096 * sizeof(std::uint32_t) + 64 * 2 * 8 * 2);
  REQUIRE(model.publish());
  model.learn(stream[0].x, stream[0].y);
  plain.learn(stream[0].x, stream[0].y);
  REQUIRE(model.publish());
  CHECK(save(*model.read()) == save(plain));
  CHECK(save(model.learner()) == save(plain));
}

TEST_CASE("A model that lies in a mapped checkpoint learns and serves as one that does not", "[serve]") {
  const Schema schema = mixed_schema(6, false);
  const std::vector<Labelled> stream = rows(600, 0);
  LogisticRegression trained({.bits = 12});
  trained.bind(schema);
  for (std::size_t i = 0; i < 200; ++i) trained.learn(stream[i].x, stream[i].y, stream[i].weight);
  const auto path = std::filesystem::temp_directory_path() / ("rtml-snapshots-" + std::to_string(::getpid()) + ".rtml");
  Writer writer;
  writer(trained);
  const checkpoint::Section section{.name = "model", .bytes = writer.take()};
  checkpoint::write_file(path.string(), {&section, 1}, checkpoint::Compression::none);
  LogisticRegression mapped({.bits = 12});
  checkpoint::Checkpoint::open(path.string()).restore("model", mapped);
  std::filesystem::remove(path);

  Snapshots<LogisticRegression> model(std::move(mapped), {.every = 10, .interval = Duration::zero()});
  for (std::size_t i = 200; i < stream.size(); ++i) {
    trained.learn(stream[i].x, stream[i].y, stream[i].weight);
    model.learn(stream[i].x, stream[i].y, stream[i].weight);
  }
  model.publish();
  CHECK(save(*model.read()) == save(trained));
}

TEST_CASE("Snapshots that go out by time alone do not go out by number", "[serve]") {
  LogisticRegression learner({.bits = 8});
  learner.bind(mixed_schema(6, false));
  Snapshots<LogisticRegression> model(std::move(learner), {.every = ~std::uint64_t{0}, .interval = Duration::zero()});
  const std::vector<Labelled> stream = rows(100, 0);
  for (const Labelled& example : stream) model.learn(example.x, example.y, example.weight);
  model.publish();
  for (const Labelled& example : stream) model.learn(example.x, example.y, example.weight);
  CHECK(model.published() == 1);
}

TEST_CASE("Snapshots refuse options that make no sense", "[serve][config]") {
  const LogisticRegression learner;
  CHECK_THROWS_WITH(Snapshots<LogisticRegression>(learner, {.every = 0}), "Snapshots: every is 0, must be at least 1");
  CHECK_THROWS_AS(Snapshots<LogisticRegression>(learner, {.interval = Duration(-1)}), ConfigError);
  CHECK_THROWS_AS(Snapshots<LogisticRegression>(learner, {.clock = nullptr}), ConfigError);
}
