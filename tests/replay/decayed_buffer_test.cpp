#include "rtml/replay/decayed_buffer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::DecayedBuffer;
using rtml::Duration;
using rtml::seconds;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

static_assert(rtml::Checkpointable<DecayedBuffer> && rtml::Mergeable<DecayedBuffer> && rtml::Sized<DecayedBuffer>);

namespace {

DecayedBuffer decaying(std::size_t capacity, Duration half_life, std::uint64_t seed = 0) {
  DecayedBuffer buffer({.capacity = capacity, .half_life = half_life, .max_sparse = 4, .seed = seed});
  buffer.bind(replay_schema());
  return buffer;
}

/// Examples [from, to), one a second.
DecayedBuffer filled_decaying(std::size_t capacity, Duration half_life, std::uint64_t seed, std::uint64_t from, std::uint64_t to) {
  DecayedBuffer buffer = decaying(capacity, half_life, seed);
  for (std::uint64_t i = from; i < to; ++i) add_numbered(buffer, i);
  return buffer;
}

/// 2^(-age / half-life), as shares: what the newest of n examples, one a second, weigh.
std::vector<double> shares_by_age(std::size_t n, double half_life) {
  std::vector<double> share(n);
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) total += share[i] = std::exp2(-static_cast<double>(n - 1 - i) / half_life);
  for (double& each : share) each /= total;
  return share;
}

double chi_square(const std::vector<double>& observed, const std::vector<double>& shares, double runs) {
  double sum = 0.0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double expected = runs * shares[i];
    sum += (observed[i] - expected) * (observed[i] - expected) / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("With room for one a decayed buffer holds each example with the probability that its age gives it", "[replay][property]") {
  // 20 examples, one a second, half-life 4 s. 0.9999 quantile of chi-square with 19 degrees of freedom: 50.8.
  constexpr std::uint64_t runs = 40'000;
  const auto shares = shares_by_age(20, 4.0);
  std::vector<double> in_order(20);
  std::vector<double> backward(20);
  std::vector<double> merged(20);
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    ++in_order[numbers_in(filled_decaying(1, seconds(4), seed, 0, 20))[0]];
    DecayedBuffer late = decaying(1, seconds(4), seed + runs);
    for (std::uint64_t i = 20; i-- > 0;) add_numbered(late, i);
    ++backward[numbers_in(late)[0]];
    DecayedBuffer both = filled_decaying(1, seconds(4), 2 * seed + 3 * runs, 0, 7);
    both.merge(filled_decaying(1, seconds(4), 2 * seed + 1 + 3 * runs, 7, 20));
    REQUIRE(both.seen() == 20);
    ++merged[numbers_in(both)[0]];
  }
  CHECK(chi_square(in_order, shares, runs) < 50.8);
  CHECK(chi_square(backward, shares, runs) < 50.8);
  CHECK(chi_square(merged, shares, runs) < 50.8);
}

TEST_CASE("With room for two each pair is held as drawing without replacement has it", "[replay][property]") {
  // Pairs {i, j} of 6: p_i p_j / (1 - p_i) + p_j p_i / (1 - p_j). 0.9999 quantile of chi-square with 14 degrees of freedom: 42.6.
  constexpr std::uint64_t runs = 60'000;
  const auto p = shares_by_age(6, 2.0);
  std::vector<double> shares;
  std::vector<std::vector<std::size_t>> index(6, std::vector<std::size_t>(6));
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = i + 1; j < 6; ++j) {
      index[i][j] = shares.size();
      shares.push_back(p[i] * p[j] * (1.0 / (1.0 - p[i]) + 1.0 / (1.0 - p[j])));
    }
  std::vector<double> observed(shares.size());
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    auto pair = numbers_in(filled_decaying(2, seconds(2), seed, 0, 6));
    std::sort(pair.begin(), pair.end());
    ++observed[index[pair[0]][pair[1]]];
  }
  CHECK(chi_square(observed, shares, runs) < 42.6);
}

TEST_CASE("Ages in a decayed buffer are exponential once the stream is long, whenever one looks", "[replay][property]") {
  // Capacity far below the half-life in examples: ages are geometric, mean 1 / (2^(1/h) - 1).
  double sum = 0.0;
  double count = 0.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const DecayedBuffer buffer = filled_decaying(10, seconds(200), seed, 1'000'000, 1'004'000);
    for (const std::uint64_t number : numbers_in(buffer)) sum += 1'003'999.0 - static_cast<double>(number), ++count;
  }
  const double mean = 1.0 / (std::exp2(1.0 / 200.0) - 1.0);  // 288; drawing 10 without replacement adds some 2 %
  CHECK(sum / count == Approx(mean * 1.02).epsilon(0.08));   // 3.5 standard errors
}

TEST_CASE("Examples of one time are a uniform sample", "[replay][property]") {
  constexpr std::uint64_t runs = 4000;
  std::vector<std::uint64_t> counts(100);
  const float dense[] = {0.0F, 0.0F};
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    DecayedBuffer buffer = decaying(10, seconds(1), seed);
    for (std::uint64_t i = 0; i < 100; ++i) {
      const float numbered[] = {static_cast<float>(i), dense[1]};
      buffer.add({numbered, {}}, 1.0F, 1.0F, {});
    }
    for (const std::uint64_t number : numbers_in(buffer)) ++counts[number];
  }
  CHECK(rtml::testing::chi_square_of_inclusion(counts, runs, 10) < 160.2);  // 0.9999 quantile, 99 degrees of freedom
}

TEST_CASE("A decayed buffer holds the newest whatever the clock says", "[replay][hostile]") {
  DecayedBuffer buffer = decaying(4, std::chrono::milliseconds(1));
  const float dense[] = {1.0F, 2.0F};
  for (const rtml::Time at : {rtml::Time::min(), rtml::Time::max(), rtml::Time{}, rtml::from_unix_seconds(1'700'000'000)})
    buffer.add({dense, {}}, 1.0F, 1.0F, at);
  buffer.add({dense, {}}, 2.0F, 1.0F, rtml::Time::max() - seconds(10));
  REQUIRE(buffer.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(buffer.at(i).at > rtml::Time::min());
  for (std::uint64_t i = 0; i < 500; ++i) add_numbered(buffer, i);  // long ago
  bool newest = false;
  for (std::size_t i = 0; i < buffer.size(); ++i) newest = newest || buffer.at(i).at == rtml::Time::max();
  CHECK(newest);
}

TEST_CASE("A decayed buffer neither allocates nor grows after bind, and keeps whole rows", "[replay]") {
  DecayedBuffer buffer = decaying(64, seconds(50));
  const std::size_t bytes = buffer.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  for (std::uint64_t i = 0; i < 1000; ++i) add_numbered(buffer, i);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(buffer.memory_bytes() == bytes);
  CHECK(bytes >= 64 * (2 * sizeof(float) + 4 * sizeof(rtml::SparseFeature) + 2 * sizeof(float) + sizeof(rtml::Time) + 12));
  CHECK(buffer.size() == 64);
  CHECK(buffer.seen() == 1000);
  CHECK(all_intact(buffer));
  auto numbers = numbers_in(buffer);
  std::sort(numbers.begin(), numbers.end());
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
}

TEST_CASE("What is not usable or does not fit is refused by a decayed buffer and counted", "[replay][hostile]") {
  DecayedBuffer buffer = decaying(4, seconds(1));
  const float bad[] = {1.0F, std::numeric_limits<float>::infinity()};
  const float good[] = {1.0F, std::numeric_limits<float>::quiet_NaN()};
  buffer.add({bad, {}}, 1.0F, 1.0F, {});
  buffer.add({good, {}}, 1.0F, -1.0F, {});
  buffer.add({good, {}}, 1.0F, 0.0F, {});
  CHECK(buffer.refused() == 2);
  buffer.add({good, {}}, 1.0F, 1.0F, {});
  CHECK(buffer.size() == 1);
  buffer.clear();
  CHECK(buffer.size() == 0);
  CHECK(buffer.seen() == 0);
}

TEST_CASE("A decayed buffer saved and loaded goes on as if nothing had been", "[replay]") {
  for (const std::uint64_t seen : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{100}}) {
    DecayedBuffer buffer = filled_decaying(12, seconds(20), 1, 0, seen);
    DecayedBuffer restored({.capacity = 12, .half_life = seconds(20), .max_sparse = 4, .seed = 9});
    rtml::load(restored, rtml::save(buffer));
    restored.bind(replay_schema());
    for (std::uint64_t i = seen; i < seen + 80; ++i) {
      add_numbered(buffer, i);
      add_numbered(restored, i);
    }
    CHECK(rtml::save(restored) == rtml::save(buffer));
    CHECK(numbers_in(restored) == numbers_in(buffer));
  }
}

TEST_CASE("A damaged archive of a decayed buffer is refused or harmless", "[replay][hostile]") {
  const DecayedBuffer buffer = filled_decaying(8, seconds(20), 1, 0, 40);
  rtml::testing::check_archive(buffer, DecayedBuffer({.capacity = 8, .half_life = seconds(20), .max_sparse = 4}), [](DecayedBuffer& read) {
    rtml::Rng rng(1);
    for (std::uint64_t i = 0; i < 30; ++i) add_numbered(read, i);
    if (read.size() > 0) static_cast<void>(read.sample(rng));
    static_cast<void>(rtml::save(read));
  });
  DecayedBuffer other({.capacity = 8, .half_life = seconds(21), .max_sparse = 4});
  CHECK_THROWS_AS(rtml::load(other, rtml::save(buffer)), rtml::FormatError);
}

TEST_CASE("Decayed buffers that do not match are not merged", "[replay][config]") {
  DecayedBuffer buffer = filled_decaying(10, seconds(20), 1, 0, 5);
  CHECK_THROWS_WITH(buffer.merge(decaying(11, seconds(20))), "DecayedBuffer: capacity is 11, must be the same to merge");
  CHECK_THROWS_AS(buffer.merge(decaying(10, seconds(21))), rtml::ConfigError);
  DecayedBuffer other({.capacity = 10, .half_life = seconds(20), .max_sparse = 4});
  other.bind(rtml::Schema::numeric(2));
  const float dense[] = {1.0F, 2.0F};
  other.add({dense, {}}, 1.0F, 1.0F, {});
  CHECK_THROWS_AS(buffer.merge(other), rtml::SchemaError);
  CHECK_THROWS_WITH(DecayedBuffer({.half_life = Duration(999)}), "DecayedBuffer: half_life is 999, must be >= 1000 us");
}
