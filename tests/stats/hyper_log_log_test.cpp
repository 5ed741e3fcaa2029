#include "rtml/stats/hyper_log_log.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Rng;
using rtml::stats::HyperLogLog;

static_assert(rtml::Checkpointable<HyperLogLog> && rtml::Sized<HyperLogLog>);

namespace {

HyperLogLog counted(unsigned precision, std::uint64_t first, std::uint64_t count) {
  HyperLogLog sketch(precision);
  for (std::uint64_t i = 0; i < count; ++i) sketch.update(rtml::hash_integer(first + i));
  return sketch;
}

}  // namespace

TEST_CASE("HyperLogLog: the error is that of the paper, without bias, from one to a million", "[stats][hyper_log_log][property]") {
  const auto precision = GENERATE(4U, 8U, 10U, 12U);
  const double error = HyperLogLog(precision).standard_error();
  CHECK(error == Approx(1.04 / std::sqrt(std::pow(2.0, precision))));
  constexpr int runs = 60;
  for (const std::uint64_t n : {1U, 10U, 100U, 1000U, 3000U, 20'000U}) {
    double bias = 0.0;
    double squares = 0.0;
    for (std::uint64_t run = 0; run < runs; ++run) {
      const auto truth = static_cast<double>(n);
      const double off = counted(precision, run << 32U, n).estimate() / truth - 1.0;
      bias += off / runs;
      squares += off * off / runs;
    }
    CAPTURE(precision, n);
    CHECK(std::abs(bias) < 4.0 * error / std::sqrt(runs) + 1e-3);
    CHECK(std::sqrt(squares) < 1.35 * error);  // of 60 runs: 4 standard deviations
  }
}

TEST_CASE("HyperLogLog: few are counted nearly exactly, and none is none", "[stats][hyper_log_log]") {
  CHECK(HyperLogLog().estimate() == 0.0);
  for (std::uint64_t n = 1; n <= 50; ++n) CHECK(counted(12, 7000, n).estimate() == Approx(static_cast<double>(n)).epsilon(0.05));
}

TEST_CASE("HyperLogLog: seen again, or in another order, changes nothing", "[stats][hyper_log_log][property]") {
  for (const std::uint64_t n : {20U, 5000U}) {
    HyperLogLog once = counted(10, 1, n);
    HyperLogLog again(10);
    for (std::uint64_t i = n; i > 0; --i)
      for (int k = 0; k < 2; ++k) again.update(rtml::hash_integer(i));
    CHECK(again == once);
  }
}

TEST_CASE("HyperLogLog: merged is what one that saw both holds, sparse and dense", "[stats][hyper_log_log][property]") {
  for (const auto& [left, right] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{10, 20}, {10, 3000}, {3000, 10}, {3000, 4000}, {0, 5}}) {
    HyperLogLog merged = counted(10, 0, left);
    merged.merge(counted(10, left / 2, right));
    CHECK(merged == counted(10, 0, std::max(left, left / 2 + right)));
  }
  HyperLogLog self = counted(10, 0, 100);
  self.merge(self);
  CHECK(self == counted(10, 0, 100));
  CHECK_THROWS_AS(self.merge(HyperLogLog(11)), rtml::SchemaError);
}

TEST_CASE("HyperLogLog: registers are what the definition says", "[stats][hyper_log_log]") {
  using rtml::stats::detail::hyper_log_log_entry;
  CHECK(hyper_log_log_entry(0xffffffffffffffffULL, 10) == (1023U << 6U | 1U));
  CHECK(hyper_log_log_entry(0x0020000000000000ULL, 10) == (0U << 6U | 1U));
  CHECK(hyper_log_log_entry(0x0040000000000001ULL, 10) == (1U << 6U | 54U));
  CHECK(hyper_log_log_entry(0, 10) == 55U);
}

TEST_CASE("HyperLogLog: takes few bytes while it has seen little, and 2^precision at most", "[stats][hyper_log_log]") {
  CHECK(counted(12, 0, 10).memory_bytes() < sizeof(HyperLogLog) + 100);
  CHECK(counted(12, 0, 100'000).memory_bytes() <= sizeof(HyperLogLog) + 4096);
}

TEST_CASE("HyperLogLog: keeps the laws of archives, sparse and dense", "[stats][hyper_log_log][archive]") {
  for (const std::uint64_t n : {0U, 7U, 500U}) rtml::testing::check_archive(counted(6, 0, n), HyperLogLog(6));
}

TEST_CASE("HyperLogLog names the option that is out of range", "[stats][hyper_log_log][config]") {
  CHECK_THROWS_WITH(HyperLogLog(3), "HyperLogLog: precision is 3, must be in [4, 16]");
  CHECK_THROWS_AS(HyperLogLog(17), rtml::ConfigError);
}
