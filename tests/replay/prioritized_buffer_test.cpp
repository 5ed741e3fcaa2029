#include "rtml/replay/prioritized_buffer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/replay/prediction_loss.hpp"
#include "rtml/replay/rehearsing.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using rtml::PrioritizedBuffer;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::chi_square_of_inclusion;
using rtml::testing::number_of;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

static_assert(rtml::Checkpointable<PrioritizedBuffer> && rtml::Sized<PrioritizedBuffer>);

namespace {

PrioritizedBuffer by_loss(PrioritizedBuffer::Options options) {
  options.max_sparse = 4;
  PrioritizedBuffer buffer(options);
  buffer.bind(replay_schema());
  return buffer;
}

/// `n` examples, numbered from 0, of the loss that `loss(i)` says.
template <class Loss>
PrioritizedBuffer with_losses(const PrioritizedBuffer::Options& options, std::uint64_t n, Loss loss) {
  PrioritizedBuffer buffer = by_loss(options);
  for (std::uint64_t i = 0; i < n; ++i) {
    add_numbered(buffer, i);
    if (i < options.capacity) buffer.update(static_cast<std::size_t>(i), loss(i));
  }
  return buffer;
}

}  // namespace

TEST_CASE("A prioritised buffer draws each example as often as its share of the priorities says", "[replay][property]") {
  // 0.9999 quantile of chi-square with 12 degrees of freedom: 39.1.
  const double alpha = GENERATE(0.0, 0.5, 1.0);
  const PrioritizedBuffer::Options options{.capacity = 13, .alpha = alpha, .epsilon = 0.1};
  const PrioritizedBuffer buffer = with_losses(options, 13, [](std::uint64_t i) { return 0.3F * static_cast<float>(i); });
  std::vector<double> share(13);
  double total = 0.0;
  for (std::size_t i = 0; i < 13; ++i) total += share[i] = std::pow(0.3 * static_cast<double>(i) + 0.1, alpha);
  std::vector<std::uint64_t> counts(13);
  rtml::Rng rng(3);
  constexpr int draws = 200'000;
  for (int n = 0; n < draws; ++n) ++counts[number_of(buffer.sample(rng))];
  double chi_square = 0.0;
  for (std::size_t i = 0; i < 13; ++i) {
    const double expected = draws * share[i] / total;
    CHECK(buffer.probability(i) == Approx(share[i] / total).epsilon(1e-6));
    chi_square += (static_cast<double>(counts[i]) - expected) * (static_cast<double>(counts[i]) - expected) / expected;
  }
  CAPTURE(alpha);
  CHECK(chi_square < 39.1);
}

TEST_CASE("With beta = 1 importance makes up for the draws entirely, with 0 not at all", "[replay]") {
  const auto loss = [](std::uint64_t i) { return static_cast<float>(i * i % 7); };
  const PrioritizedBuffer whole = with_losses({.capacity = 20, .beta = 1.0, .epsilon = 0.5}, 20, loss);
  const PrioritizedBuffer half = with_losses({.capacity = 20, .beta = 0.5, .epsilon = 0.5}, 20, loss);
  const PrioritizedBuffer none = with_losses({.capacity = 20, .beta = 0.0, .epsilon = 0.5}, 20, loss);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(static_cast<double>(whole.importance(i)) * whole.probability(i) == Approx(1.0 / 20.0).epsilon(1e-5));
    CHECK(half.importance(i) == Approx(std::sqrt(whole.importance(i))).epsilon(1e-5));
    CHECK(none.importance(i) == 1.0F);
  }
  // One loss out of all proportion does not give the others weights out of all proportion.
  const PrioritizedBuffer far =
      with_losses({.capacity = 20, .alpha = 1.0, .beta = 1.0}, 20, [](std::uint64_t i) { return i == 3 ? 1e9F : 0.0F; });
  CHECK(far.importance(0) == 10.0F);
  CHECK(far.importance(3) == Approx(0.05));
}

TEST_CASE("What a prioritised buffer keeps is a uniform sample, whatever the losses", "[replay][property]") {
  constexpr std::uint64_t runs = 4000;
  std::vector<std::uint64_t> counts(100);
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto buffer = with_losses({.capacity = 10, .seed = seed}, 100, [](std::uint64_t i) { return i < 5 ? 100.0F : 0.0F; });
    CHECK(all_intact(buffer));
    for (const std::uint64_t number : numbers_in(buffer)) ++counts[number];
  }
  CHECK(chi_square_of_inclusion(counts, runs, 10) < 160.2);  // 0.9999 quantile, 99 degrees of freedom
}

TEST_CASE("An example that takes another's place does not inherit its priority", "[replay]") {
  PrioritizedBuffer buffer = by_loss({.capacity = 4, .alpha = 1.0, .epsilon = 1.0});
  const float dense[] = {1.0F, 2.0F};
  for (int i = 0; i < 4; ++i) buffer.add({dense, {}}, 1.0F, 1.0F, {}, 1e6F);
  for (int i = 0; i < 1000; ++i) buffer.add({dense, {}}, 1.0F, 1.0F, {}, 0.0F);
  for (std::size_t i = 0; i < 4; ++i) CHECK(buffer.probability(i) == Approx(0.25));
}

TEST_CASE("A loss that is not known counts as the mean, and one that is none changes nothing", "[replay][hostile]") {
  PrioritizedBuffer buffer = by_loss({.capacity = 8, .alpha = 1.0, .epsilon = 1.0});
  const float dense[] = {1.0F, 2.0F};
  buffer.add({dense, {}}, 1.0F);
  buffer.update(0, 3.0F);  // priority 4
  buffer.add({dense, {}}, 1.0F, 1.0F, {}, 1.0F);
  buffer.add({dense, {}}, 1.0F);
  CHECK(buffer.probability(2) == Approx(1.0 / 3.0));
  for (const float none : {-1.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    buffer.update(0, none);
    CHECK(buffer.probability(0) == Approx(4.0 / 9.0));
  }
  buffer.update(0, std::numeric_limits<float>::max());  // the largest one that there is leaves sums finite
  rtml::Rng rng(1);
  CHECK(buffer.draw(rng) == 0);
  CHECK(rtml::is_finite(buffer.importance(0)));
  CHECK(buffer.importance(1) > 0.0F);
}

TEST_CASE("Sums of priorities do not wear out", "[replay][property]") {
  PrioritizedBuffer buffer = with_losses({.capacity = 100, .alpha = 1.0, .epsilon = 1e-6}, 100, [](std::uint64_t) { return 1.0F; });
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < 100; ++i) buffer.update(i, 1e12F);
    for (std::size_t i = 0; i < 100; ++i) buffer.update(i, 0.0F);
  }
  for (std::size_t i = 0; i < 100; ++i) REQUIRE(buffer.probability(i) == Approx(0.01).epsilon(1e-12));
}

TEST_CASE("A prioritised buffer neither allocates nor grows after bind", "[replay]") {
  PrioritizedBuffer buffer = by_loss({.capacity = 64});
  const std::size_t bytes = buffer.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  rtml::Rng rng(1);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    add_numbered(buffer, i);
    buffer.update(buffer.draw(rng), 0.5F);
  }
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(buffer.memory_bytes() == bytes);
  CHECK(bytes >=
        64 * (2 * sizeof(float) + 4 * sizeof(rtml::SparseFeature) + 2 * sizeof(float) + sizeof(rtml::Time)) + 128 * sizeof(double));
}

TEST_CASE("What is not usable or does not fit is refused by a prioritised buffer and counted", "[replay][hostile]") {
  PrioritizedBuffer buffer = by_loss({.capacity = 4});
  const float bad[] = {1.0F, std::numeric_limits<float>::infinity()};
  const float good[] = {1.0F, std::numeric_limits<float>::quiet_NaN()};
  buffer.add({bad, {}}, 1.0F);
  buffer.add({good, {}}, 1.0F, -1.0F);
  buffer.add({std::span(good).first(1), {}}, 1.0F);
  buffer.add({good, {}}, 1.0F, 0.0F);
  CHECK(buffer.refused() == 3);
  CHECK(buffer.size() == 0);
  buffer.add({good, {}}, 1.0F);
  CHECK(buffer.size() == 1);
  buffer.clear();
  CHECK(buffer.size() == 0);
  CHECK(buffer.refused() == 0);
  add_numbered(buffer, 3);
  CHECK(buffer.probability(0) == 1.0);
}

TEST_CASE("A prioritised buffer saved and loaded goes on as if nothing had been", "[replay]") {
  for (const std::uint64_t seen : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{100}}) {
    PrioritizedBuffer buffer = with_losses({.capacity = 8, .seed = 1}, seen, [](std::uint64_t i) { return static_cast<float>(i); });
    PrioritizedBuffer restored({.capacity = 8, .max_sparse = 4, .seed = 77});
    rtml::load(restored, rtml::save(buffer));
    restored.bind(replay_schema());
    rtml::Rng rng(2);
    rtml::Rng same(2);
    for (std::uint64_t i = seen; i < seen + 50; ++i) {
      add_numbered(buffer, i);
      add_numbered(restored, i);
      const std::size_t drawn = buffer.draw(rng);
      REQUIRE(restored.draw(same) == drawn);
      REQUIRE(restored.importance(drawn) == buffer.importance(drawn));
      buffer.update(drawn, 0.1F);
      restored.update(drawn, 0.1F);
    }
    CHECK(rtml::save(restored) == rtml::save(buffer));
  }
}

TEST_CASE("A damaged archive of a prioritised buffer is refused or harmless", "[replay][hostile]") {
  const auto buffer = with_losses({.capacity = 8, .seed = 1}, 30, [](std::uint64_t i) { return static_cast<float>(i); });
  rtml::testing::check_archive(buffer, PrioritizedBuffer({.capacity = 8, .max_sparse = 4}), [](PrioritizedBuffer& read) {
    rtml::Rng rng(1);
    for (std::uint64_t i = 0; i < 20; ++i) add_numbered(read, i);
    if (read.size() > 0) {
      const std::size_t drawn = read.draw(rng);
      static_cast<void>(read.importance(drawn));
      read.update(drawn, 1.0F);
    }
    static_cast<void>(rtml::save(read));
  });
}

TEST_CASE("PrioritizedBuffer names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(PrioritizedBuffer({.alpha = 1.5}), "PrioritizedBuffer: alpha is 1.5, must be in [0, 1]");
  CHECK_THROWS_WITH(PrioritizedBuffer({.beta = -0.5}), "PrioritizedBuffer: beta is -0.5, must be in [0, 1]");
  CHECK_THROWS_AS(PrioritizedBuffer({.epsilon = 0.0}), rtml::ConfigError);
  CHECK_THROWS_AS(PrioritizedBuffer({.epsilon = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}

TEST_CASE("The loss of a prediction is its distance from the truth", "[replay]") {
  using rtml::prediction_loss;
  using rtml::Task;
  const auto of = [](Task task, std::vector<float> scores, float y, float threshold = 0.5F) {
    return prediction_loss(task, scores, y, threshold);
  };
  CHECK(of(Task::regression, {3.0F}, 5.0F) == 2.0F);
  CHECK(of(Task::binary, {0.25F}, 1.0F) == 0.75F);
  CHECK(of(Task::binary, {0.25F}, 0.0F) == 0.25F);
  CHECK(of(Task::binary, {0.25F}, 1.0F, 0.0F) == 0.75F);  // a margin
  CHECK(of(Task::binary, {-3.0F}, 1.0F, 0.0F) == 4.0F);
  CHECK(of(Task::binary, {-3.0F}, 0.0F, 0.0F) == 0.0F);
  CHECK(of(Task::classes, {0.5F, 0.25F, 0.25F}, 2.0F) == 0.75F);
  CHECK(rtml::is_nan(of(Task::classes, {0.5F, 0.5F}, 2.0F)));
  CHECK(rtml::is_nan(of(Task::classes, {0.5F, 0.5F}, -1.0F)));
  CHECK(rtml::is_nan(of(Task::regression, {}, 0.0F)));
}

TEST_CASE("Over a prioritised buffer a learner rehearses more often what it gets wrong", "[replay]") {
  // One label in fifty is another one, for no reason to be seen: what the model keeps getting wrong.
  rtml::LogisticRegression::Options small;
  small.bits = 1;
  const auto share_of_rare = [&](double alpha) {
    rtml::Rehearsing learner(rtml::LogisticRegression(small),
                             rtml::Rehearsal{PrioritizedBuffer({.capacity = 200, .alpha = alpha, .beta = 1.0, .seed = 3}), 1.0, 3});
    learner.bind(rtml::Schema::numeric(1));
    const float dense[] = {1.0F};
    for (int i = 0; i < 3000; ++i) learner.learn({dense, {}}, i % 50 == 0 ? 1.0F : 0.0F);
    double share = 0.0;
    const auto* buffer = learner.buffer().as<PrioritizedBuffer>();
    REQUIRE(buffer != nullptr);
    for (std::size_t i = 0; i < buffer->size(); ++i) share += buffer->at(i).y == 1.0F ? buffer->probability(i) : 0.0;
    return share;
  };
  CHECK(share_of_rare(0.0) < 0.05);
  CHECK(share_of_rare(1.0) > 0.3);
  rtml::testing::check_learner(rtml::Rehearsing(rtml::LogisticRegression(small), rtml::prioritized(30)), {.archived = 20});
}
