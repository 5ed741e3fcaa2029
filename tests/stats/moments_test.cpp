#include "rtml/stats/moments.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"

#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::stats::Moments;

static_assert(rtml::Mergeable<Moments> && rtml::Checkpointable<Moments> && rtml::Sized<Moments>);

namespace {

Moments moments_of(const std::vector<double>& values) {
  Moments moments;
  for (const double value : values) moments.update(value);
  return moments;
}

}  // namespace

TEST_CASE("Moments are mean and variance of the values, in two passes too", "[stats]") {
  const auto moments = moments_of({2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0});
  CHECK(moments.count() == 8);
  CHECK(moments.mean() == 5.0);
  CHECK(moments.variance() == 4.0);
  CHECK(moments.sample_variance() == Approx(32.0 / 7.0));
  CHECK(moments.standard_deviation() == 2.0);
}

TEST_CASE("Moments merged are those of all values, wherever the values are cut", "[stats][property]") {
  auto values = rtml::testing::gaussian(3, 200);
  const auto whole = moments_of(values);
  for (std::size_t cut = 0; cut <= values.size(); cut += 20) {
    CAPTURE(cut);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(cut);
    auto left = moments_of({values.begin(), at});
    auto right = moments_of({at, values.end()});
    auto other_way = right;
    other_way.merge(left);
    left.merge(right);
    for (const auto& merged : {left, other_way}) {
      CHECK(merged.count() == whole.count());
      CHECK(merged.mean() == Approx(whole.mean()).epsilon(1e-13));
      CHECK(merged.variance() == Approx(whole.variance()).epsilon(1e-13));
    }
  }
}

TEST_CASE("Moments keep the variance of values with a large mean", "[stats][metamorphic]") {
  auto values = rtml::testing::gaussian(5, 5000);
  const auto moments = moments_of(values);
  for (double& value : values) value += 1e9;
  const auto shifted = moments_of(values);
  CHECK(shifted.mean() - 1e9 == Approx(moments.mean()).margin(1e-6));
  CHECK(shifted.variance() == Approx(moments.variance()).epsilon(1e-6));
}

TEST_CASE("Moments leave out what is not finite, and are NaN before they are defined", "[stats]") {
  Moments moments;
  CHECK(rtml::is_nan(moments.mean()));
  CHECK(rtml::is_nan(moments.variance()));
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300})
    moments.update(value);
  CHECK(moments.count() == 0);
  moments.update(3.0);
  CHECK(moments.mean() == 3.0);
  CHECK(moments.variance() == 0.0);
  CHECK(rtml::is_nan(moments.sample_variance()));
  moments.reset();
  CHECK(moments.count() == 0);
}

TEST_CASE("Moments keep the laws of an archive", "[stats][laws]") {
  rtml::testing::check_archive(moments_of(rtml::testing::gaussian(5, 50)), Moments(), [](Moments& read) {
    read.update(1.0);
    read.merge(read);
  });
}
