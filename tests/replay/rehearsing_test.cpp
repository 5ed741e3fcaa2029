#include "rtml/replay/rehearsing.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/replay/make_rehearsal.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using rtml::class_balanced;
using rtml::Rehearsal;
using rtml::Rehearsing;
using rtml::ReplayBuffer;
using rtml::reservoir;
using rtml::sliding;
using rtml::testing::add_numbered;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

namespace {

/// Counts how often it learned each class, with the context it was given; refuses other labels.
class Counting {
 public:
  void bind(const rtml::Schema&) {}
  rtml::Task task() const noexcept { return rtml::Task::classes; }
  int classes() const noexcept { return 3; }
  void predict_proba(rtml::Features, std::span<float> p) const noexcept {
    const auto total = static_cast<float>(counts[0] + counts[1] + counts[2]);
    for (std::size_t k = 0; k < 3; ++k) p[k] = total > 0.0F ? static_cast<float>(counts[k]) / total : 1.0F / 3.0F;
  }
  int predict(rtml::Features) const noexcept {
    return counts[0] >= counts[1] && counts[0] >= counts[2] ? 0 : (counts[1] >= counts[2] ? 1 : 2);
  }
  int learn(rtml::Features x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (label < 0 || label >= 3 || !rtml::is_usable(x, 0.0F, weight)) {
      ++refused_;
    } else if (weight > 0.0F) {
      ++counts[static_cast<std::size_t>(label)];
    }
    return before;
  }
  std::uint64_t refused() const noexcept { return refused_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Counting", 1);
    ar(self.counts, self.refused_);
    for (const std::uint32_t count : self.counts) ar.check(count < (1U << 24U), "count");
  }

  std::array<std::uint32_t, 3> counts{};

 private:
  std::uint64_t refused_ = 0;
};

/// Writes down what it learned.
class Recording {
 public:
  struct Entry {
    std::uint64_t number;
    float y;
    float weight;
    rtml::Time at;
    bool operator==(const Entry&) const = default;
  };

  void bind(const rtml::Schema&) {}
  rtml::Task task() const noexcept { return rtml::Task::regression; }
  float predict(rtml::Features) const noexcept { return static_cast<float>(entries.size()); }
  float learn(rtml::Features x, float y, float weight = 1.0F) noexcept { return learn(x, y, weight, {}); }
  float learn(rtml::Features x, float y, float weight, const rtml::Context& context) noexcept {
    const float before = predict(x);
    if (!rtml::is_usable(x, y, weight)) {
      ++refused_;
    } else if (weight > 0.0F) {
      entries.push_back({static_cast<std::uint64_t>(x.dense[0]), y, weight, context.at});
    }
    return before;
  }
  std::uint64_t refused() const noexcept { return refused_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.refused_);
  }

  std::vector<Entry> entries;

 private:
  std::uint64_t refused_ = 0;
};

/// Right about what it learned before, wrong about all else: 1 is always the truth.
class Memorising {
 public:
  void bind(const rtml::Schema&) {}
  rtml::Task task() const noexcept { return rtml::Task::binary; }
  float predict(rtml::Features x) const noexcept { return std::find(known.begin(), known.end(), x.dense[0]) != known.end() ? 1.0F : 0.0F; }
  float learn(rtml::Features x, float, float weight = 1.0F) noexcept {
    const float before = predict(x);
    known.push_back(x.dense[0]);
    weights.push_back(weight);
    return before;
  }
  std::uint64_t refused() const noexcept { return 0; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.known, self.weights);
  }

  std::vector<float> known;
  std::vector<float> weights;
};

static_assert(rtml::ClassLearner<Rehearsing<Counting>> && !rtml::ScalarLearner<Rehearsing<Counting>>);
static_assert(rtml::ScalarLearner<Rehearsing<Recording>> && !rtml::ClassLearner<Rehearsing<Recording>>);
static_assert(rtml::Explainable<Rehearsing<rtml::LogisticRegression>> && !rtml::Explainable<Rehearsing<Recording>>);

template <class L>
typename L::Options small(unsigned bits) {
  typename L::Options options;
  options.bits = bits;
  return options;
}

rtml::LogisticRegression logistic(unsigned bits) { return rtml::LogisticRegression(small<rtml::LogisticRegression>(bits)); }

Rehearsing<Recording> recording(Rehearsal rehearsal) {
  Rehearsing<Recording> learner(Recording{}, std::move(rehearsal));
  learner.bind(replay_schema());
  return learner;
}

void learn_numbered(Rehearsing<Recording>& learner, std::uint64_t i, float weight = 1.0F) {
  const float dense[] = {static_cast<float>(i), 0.0F};
  learner.learn({dense, {}}, static_cast<float>(i) * 2.0F, weight,
                rtml::Context{.at = rtml::from_unix_seconds(static_cast<std::int64_t>(i))});
}

}  // namespace

TEST_CASE("A rehearsing learner is a learner", "[replay][laws]") {
  SECTION("linear, over a reservoir") { rtml::testing::check_learner(Rehearsing(logistic(6), reservoir(30)), {.archived = 20}); }
  SECTION("linear regression, over a window, one in three") {
    rtml::testing::check_learner(Rehearsing(rtml::LinearRegression(small<rtml::LinearRegression>(6)), Rehearsal{sliding(20), 1.0 / 3.0}),
                                 {.archived = 20});
  }
  SECTION("linear, with nothing to rehearse from") { rtml::testing::check_learner(Rehearsing(logistic(6)), {.archived = 20}); }
}

TEST_CASE("After each new example as many stored ones are learned as the ratio says", "[replay]") {
  for (const double ratio : {0.0, 0.25, 1.0, 1.5, 3.0}) {
    auto learner = recording({reservoir(50), ratio});
    for (std::uint64_t i = 0; i < 1000; ++i) {
      learn_numbered(learner, i);
      const double due = ratio * static_cast<double>(i + 1);
      CAPTURE(ratio, i, learner.replayed());
      REQUIRE(static_cast<double>(learner.replayed()) <= due);
      REQUIRE(static_cast<double>(learner.replayed()) > due - 1.0 - ratio);  // nothing is stored yet beside the first
      REQUIRE(learner.learner().entries.size() == i + 1 + learner.replayed());
    }
    CHECK(learner.buffer().seen() == 1000);
  }
}

TEST_CASE("A schedule says when old examples are learned and how many, and keeps the ratio", "[replay]") {
  const auto replays = [](double ratio, rtml::RehearsalSchedule schedule, std::vector<std::uint64_t> drifts = {}) {
    auto learner = recording(Rehearsal{reservoir(50), ratio, 0, schedule});
    std::vector<std::uint64_t> after(1001);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      if (std::find(drifts.begin(), drifts.end(), i) != drifts.end()) learner.drifted();
      learn_numbered(learner, i);
      after[i + 1] = learner.replayed();
    }
    return after;
  };
  SECTION("none before the warm-up is over") {
    const auto after = replays(1.0, {.warmup = 300});
    CHECK(after[300] == 0);
    CHECK(after[301] == 1);
    CHECK(after[1000] == 700);
  }
  SECTION("some at once, every so often") {
    const auto after = replays(0.5, {.every = 40});
    CHECK(after[39] == 0);
    CHECK(after[40] == 20);
    CHECK(after[79] == 20);
    CHECK(after[1000] == 500);
  }
  SECTION("another ratio for a while after a drift; a drift meanwhile begins it anew") {
    const auto more = replays(0.5, {.drift_ratio = 2.0, .drift_rows = 100}, {400, 450});
    CHECK(more[400] == 200);
    CHECK(more[550] == more[400] + 300);
    CHECK(more[1000] == more[550] + 225);
    const auto none = replays(1.0, {.drift_ratio = 0.0, .drift_rows = 100}, {400});
    CHECK(none[500] == none[400]);
    CHECK(none[600] == none[500] + 100);
    CHECK(replays(1.0, {.drift_ratio = 5.0}, {400})[1000] == 999);
  }
}

TEST_CASE("A schedule goes on where it was saved, and its options are not in the archive", "[replay]") {
  const rtml::RehearsalSchedule schedule{.warmup = 30, .every = 7, .drift_ratio = 3.0, .drift_rows = 50};
  const auto fresh = [&](double ratio) { return Rehearsing(logistic(4), Rehearsal{rtml::prioritized(20), ratio, 5, schedule}); };
  auto learner = fresh(0.7);
  learner.bind(rtml::Schema::numeric(2));
  const auto learn = [](auto& model, int i) {
    const float dense[] = {static_cast<float>(i % 5), static_cast<float>(i % 3)};
    model.learn({dense, {}}, i % 4 == 0 ? 1.0F : 0.0F);
  };
  for (int i = 0; i < 60; ++i) {
    if (i == 45) learner.drifted();
    learn(learner, i);
  }
  auto restored = fresh(0.7);
  auto other = fresh(0.0);
  rtml::load(restored, rtml::save(learner));
  rtml::load(other, rtml::save(learner));
  for (int i = 60; i < 200; ++i) {
    learn(learner, i);
    learn(restored, i);
    learn(other, i);
  }
  CHECK(rtml::save(restored) == rtml::save(learner));
  CHECK(other.replayed() < learner.replayed());  // by the ratio that it was built with
}

TEST_CASE("A rehearser of the first format version is read", "[replay]") {
  rtml::Rehearser rehearser(Rehearsal{reservoir(5), 0.25});
  rehearser.bind(replay_schema());
  rtml::Writer writer;
  writer.header("Rehearser", 1);
  writer(rehearser.buffer(), 0.75, 0.5, rtml::Rng(3), std::uint64_t{11});  // ratio, owed, replayed
  rtml::load(rehearser, writer.bytes());
  CHECK(rehearser.ratio() == 0.25);
  CHECK(rehearser.replayed() == 11);
}

TEST_CASE("An example that was rehearsed has the loss of that time, and weighs what its draw makes up for", "[replay]") {
  Rehearsing<Memorising> learner(Memorising{},
                                 {rtml::PrioritizedBuffer({.capacity = 200, .alpha = 1.0, .beta = 1.0, .epsilon = 0.01}), 1.0});
  learner.bind(rtml::Schema::numeric(1));
  for (int i = 0; i < 100; ++i) {
    const float dense[] = {static_cast<float>(i)};
    learner.learn({dense, {}}, 1.0F);
  }
  const auto* buffer = learner.buffer().as<rtml::PrioritizedBuffer>();
  REQUIRE(buffer != nullptr);
  REQUIRE(buffer->size() == 100);
  std::size_t settled = 0;  // was wrong when it was new; right when it came again
  const double highest = buffer->probability(99);
  for (std::size_t i = 0; i < 100; ++i) settled += buffer->probability(i) < 0.02 * highest ? 1U : 0U;
  CHECK(settled > 80);  // what was drawn is hardly drawn again: nearly each of 99 draws met another one
  CHECK(settled < 100);
  const auto& weights = learner.learner().weights;
  CHECK(*std::min_element(weights.begin(), weights.end()) < 0.5F);
  CHECK(std::count(weights.begin(), weights.end(), 1.0F) >= 100);  // new ones weigh what they weigh
}

TEST_CASE("A class learner is asked for the loss of what it rehearses by priority", "[replay]") {
  Rehearsing<Counting> learner(Counting{}, {rtml::PrioritizedBuffer({.capacity = 50, .alpha = 1.0, .beta = 0.0, .epsilon = 1e-3}), 1.0});
  learner.bind(replay_schema());
  const float dense[] = {1.0F, 2.0F};
  for (int i = 0; i < 1000; ++i) learner.learn({dense, {}}, i % 10 == 0 ? 2 : 0);
  const auto* buffer = learner.buffer().as<rtml::PrioritizedBuffer>();
  REQUIRE(buffer != nullptr);
  double rare = 0.0;
  for (std::size_t i = 0; i < buffer->size(); ++i) rare += buffer->at(i).y == 2.0F ? buffer->probability(i) : 0.0;
  CHECK(rare > 0.3);  // of about a tenth of the rows
  CHECK(learner.learner().counts[2] > 250);
}

TEST_CASE("What is learned again is what was stored: an older example, with its label, weight and time", "[replay]") {
  auto learner = recording({sliding(5), 2.0, 9});
  for (std::uint64_t i = 0; i < 200; ++i) learn_numbered(learner, i, 0.5F + static_cast<float>(i % 3));
  std::uint64_t fresh = 0;
  bool varied = false;
  const auto& entries = learner.learner().entries;
  for (std::size_t k = 0; k < entries.size(); ++k) {
    const auto& entry = entries[k];
    REQUIRE(entry.y == static_cast<float>(entry.number) * 2.0F);
    REQUIRE(entry.weight == 0.5F + static_cast<float>(entry.number % 3));
    REQUIRE(entry.at == rtml::from_unix_seconds(static_cast<std::int64_t>(entry.number)));
    if (k == 0 || k % 3 == 1) {  // 0, then each new one followed by two old ones
      REQUIRE(entry.number == fresh++);
    } else {
      REQUIRE(entry.number < fresh - 1);  // the fresh one is stored after the replay
      REQUIRE(entry.number + 6 >= fresh);
      varied = varied || entry.number + 2 != fresh;
    }
  }
  CHECK(fresh == 200);
  CHECK(varied);
}

TEST_CASE("What the learner refuses and what weighs nothing is neither stored nor a reason to replay", "[replay]") {
  auto learner = recording({reservoir(50), 1.0});
  for (std::uint64_t i = 0; i < 10; ++i) learn_numbered(learner, i);
  const auto before = learner.learner().entries.size();
  const float dense[] = {1.0F, 2.0F};
  learner.learn({dense, {}}, std::numeric_limits<float>::quiet_NaN());
  learner.learn({dense, {}}, 1.0F, -1.0F);
  learner.learn({dense, {}}, 1.0F, 0.0F);
  CHECK(learner.refused() == 2);
  CHECK(learner.learner().entries.size() == before);
  CHECK(learner.buffer().size() == 10);
  CHECK(learner.buffer().refused() == 0);
}

TEST_CASE("A class learner rehearses too, and a rare class weighs more from a balanced buffer", "[replay]") {
  Rehearsing<Counting> learner(Counting{}, {class_balanced(20), 1.0});
  learner.bind(replay_schema());
  const float dense[] = {1.0F, 2.0F};
  for (int i = 0; i < 1000; ++i) learner.learn({dense, {}}, i % 50 == 0 ? 2 : 0);
  CHECK(learner.replayed() == 999);
  const auto& counts = learner.learner().counts;
  CHECK(counts[0] + counts[2] == 1999);
  CHECK(counts[2] > 20 + 300);
  CHECK(learner.learn({dense, {}}, 7) == learner.predict({dense, {}}));
  CHECK(learner.refused() == 1);
  rtml::testing::check_archive(learner, Rehearsing<Counting>(Counting{}, {class_balanced(20), 1.0}), [&](Rehearsing<Counting>& read) {
    for (int i = 0; i < 20; ++i) read.learn({dense, {}}, i % 3);
    static_cast<void>(rtml::save(read));
  });
}

TEST_CASE("A label that is no class, from a damaged buffer, is left to the class learner to refuse", "[replay][hostile]") {
  Rehearsing<Counting> learner(Counting{}, {reservoir(1), 1.0});
  learner.bind(replay_schema());
  const float dense[] = {1.0F, 2.0F};
  learner.learn({dense, {}}, 1);
  auto bytes = rtml::save(learner);
  const float one = 1.0F;
  const float huge = 1e14F;
  // The label of the one row lies before its weight: 1, 1.
  std::array<std::byte, 8> ones{};
  std::memcpy(ones.data(), &one, 4);
  std::memcpy(ones.data() + 4, &one, 4);
  const auto at = std::search(bytes.begin(), bytes.end(), ones.begin(), ones.end());
  REQUIRE(at != bytes.end());
  std::memcpy(&*at, &huge, 4);
  rtml::load(learner, bytes);
  learner.learn({dense, {}}, 0);
  CHECK(learner.refused() == 1);
  CHECK(learner.learner().counts[0] == 1);
}

TEST_CASE("A model that rehearses forgets less of an old rule while it learns a new one", "[replay]") {
  // First x0 decides; then x1 does, and x0 points the other way.
  const auto accuracy_on_old = [](double ratio) {
    Rehearsing learner(logistic(1), Rehearsal{reservoir(500, 1), ratio});
    learner.bind(rtml::Schema::numeric(2));
    rtml::Rng rng(3);
    const auto old_row = [&](std::array<float, 2>& x) {
      x = {static_cast<float>(rng.normal()), 0.0F};
      return x[0] > 0.0F ? 1.0F : 0.0F;
    };
    std::array<float, 2> x{};
    for (int i = 0; i < 1000; ++i) {
      const float y = old_row(x);
      learner.learn({x, {}}, y);
    }
    for (int i = 0; i < 1500; ++i) {
      const float x1 = static_cast<float>(rng.normal());
      const float y = x1 > 0.0F ? 1.0F : 0.0F;
      x = {(y > 0.0F ? -1.0F : 1.0F), x1};
      learner.learn({x, {}}, y);
    }
    int right = 0;
    for (int i = 0; i < 1000; ++i) {
      const float y = old_row(x);
      right += (learner.predict({x, {}}) >= 0.5F) == (y == 1.0F) ? 1 : 0;
    }
    return right;
  };
  CHECK(accuracy_on_old(0.0) < 600);
  CHECK(accuracy_on_old(1.0) > 750);
}

TEST_CASE("Rehearsing predicts, explains and costs memory as the learner in it does", "[replay]") {
  Rehearsing learner(logistic(4), reservoir(100));
  learner.bind(replay_schema());
  const float dense[] = {1.0F, -1.0F};
  for (int i = 0; i < 100; ++i) learner.learn({dense, {}}, 1.0F);
  CHECK(learner.predict({dense, {}}) == learner.learner().predict({dense, {}}));
  float from_dense[2];
  float theirs[2];
  CHECK(learner.contributions({dense, {}}, from_dense, {}) == learner.learner().contributions({dense, {}}, theirs, {}));
  CHECK(from_dense[1] == theirs[1]);
  CHECK(learner.memory_bytes() >= learner.learner().memory_bytes() + learner.buffer().memory_bytes());
  CHECK(rtml::AnyLearner(learner).name() == std::string(rtml::LogisticRegression::name));
}

TEST_CASE("Any buffer is a Rehearsal, and none is one too", "[replay]") {
  struct Options {
    Rehearsal rehearse = {};
    std::optional<Rehearsal> maybe = {};
  };
  const Options options{.rehearse = reservoir(50), .maybe = sliding(std::chrono::hours(1), 20)};
  CHECK(options.rehearse.buffer.capacity() == 50);
  CHECK(options.rehearse.ratio == 1.0);
  CHECK(options.maybe->buffer.as<rtml::SlidingWindow>() != nullptr);
  CHECK(Options{.rehearse = {class_balanced(10), 0.5}}.rehearse.ratio == 0.5);
  CHECK(!Options{}.rehearse.buffer);
  CHECK(reservoir(5));
}

TEST_CASE("An erased buffer does what the buffer in it does", "[replay]") {
  const std::string kind = GENERATE("reservoir", "class_balanced", "sliding", "prioritized", "decayed", "herding");
  ReplayBuffer erased = rtml::make_rehearsal(rtml::Spec(kind + ":size=7"), 3).buffer;
  CHECK(erased.kind() == kind);
  CHECK(erased.by_loss() == (kind == "prioritized"));
  erased.bind(replay_schema());
  CHECK(erased.capacity() == 7);
  for (std::uint64_t i = 0; i < 100; ++i) add_numbered(erased, i);
  CHECK(erased.size() == 7);
  CHECK(erased.seen() == 100);
  CHECK(rtml::testing::all_intact(erased));
  rtml::Rng rng(1);
  CHECK(rtml::testing::is_intact(erased.sample(rng)));
  const std::size_t drawn = erased.draw(rng);
  CHECK(drawn < 7);
  CHECK(erased.importance(drawn) == 1.0F);  // of losses that nobody told
  erased.update(drawn, 100.0F);
  CHECK((erased.importance(drawn) < 1.0F) == erased.by_loss());
  const float dense[] = {1.0F};
  erased.add({dense, {}}, 1.0F, 1.0F, {});
  CHECK(erased.refused() == 1);
  if (const auto* buffer = erased.as<rtml::ReservoirBuffer>()) {
    CHECK(numbers_in(*buffer) == numbers_in(erased));
    CHECK(erased.memory_bytes() >= buffer->memory_bytes());
  }
  ReplayBuffer restored = erased;
  restored.clear();
  CHECK(restored.size() == 0);
  rtml::load(restored, rtml::save(erased));
  CHECK(numbers_in(restored) == numbers_in(erased));
  ReplayBuffer other = sliding(8);
  CHECK_THROWS_AS(rtml::load(other, rtml::save(erased)), rtml::FormatError);
}

TEST_CASE("No buffer takes nothing and holds nothing", "[replay]") {
  ReplayBuffer none;
  none.bind(replay_schema());
  add_numbered(none, 1);
  none.clear();
  CHECK(none.size() == 0);
  CHECK(none.capacity() == 0);
  CHECK(none.seen() == 0);
  CHECK(none.refused() == 0);
  CHECK(none.memory_bytes() == sizeof(none));
  rtml::load(none, rtml::save(ReplayBuffer{}));
  CHECK_THROWS_AS(rtml::load(none, rtml::save(reservoir(3))), rtml::FormatError);
}

TEST_CASE("Rehearsal names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(Rehearsing(Recording{}, Rehearsal{reservoir(5), -0.5}), "Rehearsal: ratio is -0.5, must be in [0, 1000]");
  CHECK_THROWS_AS(Rehearsing(Recording{}, Rehearsal{reservoir(5), std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
  CHECK_THROWS_WITH(rtml::Rehearser(Rehearsal{reservoir(5), 1.0, 0, {.every = 0}}), "Rehearsal: every is 0, must be in [1, 1000000]");
  CHECK_THROWS_WITH(rtml::Rehearser(Rehearsal{reservoir(5), 1.0, 0, {.drift_ratio = 1001.0}}),
                    "Rehearsal: drift_ratio is 1001, must be in [0, 1000]");
}
