#include "rtml/ab/proportions.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using rtml::ab::sample_ratio_test;
using rtml::ab::two_proportion_z_test;

// Made with the formulas in the header in double precision and checked against statsmodels' proportions_ztest.
TEST_CASE("two_proportion_z_test gives the reference values", "[ab][reference]") {
  struct Case {
    std::uint64_t xa, na, xb, nb;
    double z, p, low, high;
  };
  const Case cases[] = {
      {120, 1000, 150, 1000, 1.963049807622355, 0.04964038686536881, 7.60288212977786e-05, 0.05992397117870222},
      {500, 100000, 565, 100000, 1.9970914458479694, 0.04581525001850475, 1.2090359058028184e-05, 0.0012879096409419708},
      {9, 10000, 31, 10000, 3.4819891580810505, 0.0004977038429323719, 0.0009620255543079702, 0.003437974445692029},
      {45000, 300000, 47700, 300000, 9.6442196081294, 5.2005237737723195e-22, 0.007171100484186469, 0.010828899515813548},
      {1000, 20000, 250, 5000, 0.0, 1.0, -0.006754059778810279, 0.006754059778810279},
      {0, 500, 6, 500, 2.456871446336364, 0.014015282939930073, 0.002455961465066315, 0.021544038534933686},
  };
  for (const Case& c : cases) {
    const auto test = two_proportion_z_test(c.xa, c.na, c.xb, c.nb);
    CAPTURE(c.xa, c.na);
    CHECK(test.z == Approx(c.z).epsilon(1e-9).margin(1e-12));
    CHECK(test.p_value == Approx(c.p).epsilon(1e-9));
    CHECK(test.ci.low == Approx(c.low).epsilon(1e-9));
    CHECK(test.ci.high == Approx(c.high).epsilon(1e-9));
  }
}

TEST_CASE("sample_ratio_test gives the reference values", "[ab][reference]") {
  const auto check = [](std::vector<std::uint64_t> counts, std::vector<double> weights, double chi2, double freedom, double p) {
    const auto test = sample_ratio_test(counts, weights);
    CHECK(test.chi2 == Approx(chi2).epsilon(1e-9).margin(1e-12));
    CHECK(test.freedom == freedom);
    CHECK(test.p_value == Approx(p).epsilon(1e-8));
  };
  check({5000, 5000}, {0.5, 0.5}, 0.0, 1.0, 1.0);
  check({50000, 51000}, {0.5, 0.5}, 9.900990099009901, 1.0, 0.001651898732357361);
  check({9463, 7681}, {0.5, 0.5}, 185.22655156322912, 1.0, 3.502192273048579e-42);
  check({166080, 171180, 166300}, {1.0, 1.0, 1.0}, 99.04043212328224, 2.0, 3.116329865438442e-22);
  check({95230, 4770}, {0.95, 0.05}, 11.136842105263158, 1.0, 0.0008462984371654299);
  check({1000, 1010, 0}, {0.5, 0.5, 0.0}, 0.04975124378109453, 1.0, 0.8234966946547395);
}

TEST_CASE("swapping the arms of a test of proportions turns its signs", "[ab][metamorphic]") {
  const auto ab = two_proportion_z_test(30, 500, 51, 480);
  const auto ba = two_proportion_z_test(51, 480, 30, 500);
  CHECK(ab.z == -ba.z);
  CHECK(ab.p_value == ba.p_value);
  CHECK(ab.ci.low == Approx(-ba.ci.high).epsilon(1e-12));
  CHECK(two_proportion_z_test(30, 500, 51, 480, 0.99).ci.low < ab.ci.low);
}

TEST_CASE("two equal arms are told apart in five looks of a hundred", "[ab][property]") {
  int rejected = 0;
  for (std::uint64_t run = 0; run < 2000; ++run) {
    rtml::Rng rng(run);
    std::uint64_t successes[2] = {0, 0};
    for (auto& count : successes)
      for (int i = 0; i < 500; ++i) count += rng.uniform() < 0.3 ? 1U : 0U;
    rejected += two_proportion_z_test(successes[0], 500, successes[1], 500).p_value < 0.05 ? 1 : 0;
  }
  CHECK(rejected > 70);  // 2000 x 0.05 +- 3 standard errors
  CHECK(rejected < 130);
}

TEST_CASE("a test of nothing is NaN, and a wrong count is named", "[ab][bad input]") {
  CHECK(rtml::is_nan(two_proportion_z_test(0, 0, 1, 2).p_value));
  CHECK(rtml::is_nan(two_proportion_z_test(0, 10, 0, 20).p_value));
  CHECK(rtml::is_nan(two_proportion_z_test(10, 10, 20, 20).z));
  CHECK(two_proportion_z_test(0, 10, 0, 20).difference == 0.0);
  CHECK(rtml::is_nan(sample_ratio_test(std::array<std::uint64_t, 2>{0, 0}, std::array{1.0, 1.0}).p_value));
  CHECK(sample_ratio_test(std::array<std::uint64_t, 3>{10, 10, 1}, std::array{1.0, 1.0, 0.0}).p_value == 0.0);
  CHECK_THROWS_WITH(two_proportion_z_test(3, 2, 1, 2), "two_proportion_z_test: successes_a is 3, must be <= n_a");
  CHECK_THROWS_WITH(two_proportion_z_test(1, 2, 3, 2), "two_proportion_z_test: successes_b is 3, must be <= n_b");
  CHECK_THROWS_WITH(two_proportion_z_test(1, 2, 1, 2, 1.0), "two_proportion_z_test: confidence is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(sample_ratio_test(std::array<std::uint64_t, 1>{3}, std::array{1.0, 1.0}),
                    "sample_ratio_test: weights is 2, must be one for each count");
  CHECK_THROWS_AS(sample_ratio_test(std::array<std::uint64_t, 2>{3, 4}, std::array{0.0, 0.0}), rtml::ConfigError);
}

TEST_CASE("the two arms of a real game differ by -0.82 points of retention", "[ab][data]") {
  const char* folder = std::getenv("RTML_DATA");
  const auto path = std::filesystem::path(folder != nullptr ? folder : "../shared/data") / "cookie_cats_ab.csv";
  std::ifstream file(path);
  if (!file) {
    WARN("skipped: no " << path.string() << " (set RTML_DATA)");
    return;
  }
  std::uint64_t players[2] = {0, 0};
  std::uint64_t came_back[2] = {0, 0};
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {  // userid,arm,sum_gamerounds,retention_1,class
    const auto arm = static_cast<std::size_t>(line[line.find(',') + 1] - '0');
    ++players[arm];
    came_back[arm] += line.find_last_of('1') == line.find_last_of(',') + 1 ? 1U : 0U;
  }
  const auto test = two_proportion_z_test(came_back[0], players[0], came_back[1], players[1]);
  CHECK(players[0] + players[1] == 90'189);
  CHECK(std::abs(100.0 * test.difference + 0.82) < 0.005);
  CHECK(std::abs(test.z + 3.16) < 0.005);
  CHECK(std::abs(test.p_value - 0.00155) < 0.000005);
  CHECK(std::abs(sample_ratio_test(players, std::array{1.0, 1.0}).p_value - 0.0086) < 0.00005);
}
