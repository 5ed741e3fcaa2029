#include "rtml/stats/quantile_bins.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"

#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::stats::QuantileBins;

static_assert(rtml::Checkpointable<QuantileBins> && rtml::Sized<QuantileBins>);

namespace {

std::vector<double> edges_of(const QuantileBins& bins) { return {bins.edges().begin(), bins.edges().end()}; }

}  // namespace

TEST_CASE("QuantileBins hold equal shares of the sample they were learned from", "[stats][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto sample = rtml::testing::gaussian(seed, 1000);
  for (const std::size_t count : {2U, 7U, 10U, 32U}) {
    const QuantileBins bins(sample, count);
    REQUIRE(bins.size() == count + 1);
    std::vector<std::uint64_t> counts(bins.size());
    bins.count(sample, counts);
    CHECK(counts[bins.missing()] == 0);
    counts.pop_back();
    CHECK(*std::max_element(counts.begin(), counts.end()) - *std::min_element(counts.begin(), counts.end()) <= 1);
  }
}

TEST_CASE("QuantileBins are closed above: an edge belongs to the bin below it", "[stats]") {
  const QuantileBins bins(std::vector<double>{0.0, 1.0, 2.0, 3.0, 4.0}, 4);
  CHECK(edges_of(bins) == std::vector<double>{1.0, 2.0, 3.0});
  CHECK(bins(1.0) == 0);
  CHECK(bins(1.0001) == 1);
  CHECK(bins(3.0) == 2);
  CHECK(bins(4.0) == 3);
}

TEST_CASE("QuantileBins interpolate as numpy does", "[stats][reference]") {
  // numpy.quantile([1, 2, 4, 8, 16, 32], k / 5)
  CHECK(edges_of(QuantileBins(std::vector<double>{32.0, 1.0, 16.0, 2.0, 8.0, 4.0}, 5)) == std::vector<double>{2.0, 4.0, 8.0, 16.0});
  CHECK(edges_of(QuantileBins(std::vector<double>{1.0, 2.0, 4.0}, 4)) == std::vector<double>{1.5, 2.0, 3.0});
}

TEST_CASE("QuantileBins merge the edges of ties, and keep outer bins open", "[stats]") {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> sample(100, 7.0);
  const QuantileBins constant(sample);
  CHECK(edges_of(constant) == std::vector<double>{7.0});
  CHECK(constant(7.0) == 0);
  CHECK(constant(-infinity) == 0);
  CHECK(constant(7.5) == 1);
  CHECK(constant(infinity) == 1);
  std::fill(sample.begin(), sample.begin() + 30, 1.0);
  CHECK(edges_of(QuantileBins(sample)).size() == 3);  // 1, what lies between, 7
}

TEST_CASE("QuantileBins learn from the finite values, and give missing ones the last bin", "[stats]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const QuantileBins bins(std::vector<double>{nan, 1.0, infinity, 2.0, 3.0, -infinity, nan}, 2);
  CHECK(edges_of(bins) == std::vector<double>{2.0});
  CHECK(bins(nan) == bins.missing());
  CHECK(bins.missing() == bins.size() - 1);
  const QuantileBins empty(std::vector<double>{nan});
  CHECK(empty.size() == 2);
  CHECK(empty(5.0) == 0);
  CHECK(empty(nan) == 1);
}

TEST_CASE("QuantileBins bear values whose difference overflows", "[stats]") {
  const double most = std::numeric_limits<double>::max();
  CHECK(edges_of(QuantileBins(std::vector<double>{-most, most}, 2)) == std::vector<double>{0.0});
}

TEST_CASE("QuantileBins name the option that is out of range", "[stats][config]") {
  CHECK_THROWS_WITH(QuantileBins(std::vector<double>{1.0}, 1), "QuantileBins: bins is 1, must be in [2, 65536]");
}

TEST_CASE("QuantileBins keep the laws of an archive", "[stats][laws]") {
  rtml::testing::check_archive(QuantileBins(rtml::testing::gaussian(5, 50)), QuantileBins(), [](QuantileBins& read) {
    std::vector<std::uint64_t> counts(read.size());
    read.count(rtml::testing::gaussian(1, 50), counts);
  });
}
