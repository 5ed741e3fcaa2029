#include "rtml/drift/histograms.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"

using rtml::drift::category_histograms;
using rtml::drift::quantile_histograms;

namespace {

constexpr double absent = std::numeric_limits<double>::quiet_NaN();
using Bars = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("category_histograms has a bin for each value of either side, missing last", "[drift]") {
  const auto counts = category_histograms(std::vector<double>{3.0, 1.0, absent, 1.0}, std::vector<double>{7.0, 3.0, 3.0, absent, absent});
  CHECK(counts.reference == Bars{2, 1, 0, 1});
  CHECK(counts.current == Bars{0, 2, 1, 2});
  const auto zeros = category_histograms(std::vector<double>{0.0, -0.0}, std::vector<double>{-0.0});
  CHECK(zeros.reference == Bars{2});
  CHECK(zeros.current == Bars{1});
  CHECK(category_histograms({}, {}).reference.empty());
}

TEST_CASE("quantile_histograms has open outer bins, and one for missing values only where there are any", "[drift]") {
  const std::vector<double> reference{1.0, 2.0, 3.0, 4.0};
  const auto counts = quantile_histograms(reference, std::vector<double>{-1e300, 1e300, 2.5}, 2);
  CHECK(counts.reference == Bars{2, 2});
  CHECK(counts.current == Bars{2, 1});
  CHECK(quantile_histograms(reference, std::vector<double>{absent, 2.5}, 2).current == Bars{1, 0, 1});
}
