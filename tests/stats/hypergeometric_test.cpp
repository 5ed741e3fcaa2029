#include "rtml/stats/hypergeometric.hpp"

#include <algorithm>
#include <cstdint>

#include "support/catch.hpp"

using rtml::stats::hypergeometric_tails;

TEST_CASE("hypergeometric_tails equal sums of exact fractions", "[stats]") {
  struct Known {
    std::uint64_t x, marked, draws, population;
    double lower, upper;
  };
  // By sums of binomial coefficients as exact fractions.
  constexpr Known known[] = {
      {1, 1, 1, 2, 1.0, 0.5},
      {3, 5, 7, 12, 0.7525252525252525, 0.6893939393939394},
      {0, 30, 40, 100, 4.026392935773107e-09, 1.0},
      {25, 30, 40, 100, 0.9999999996003616, 7.879165314678029e-09},
      {12, 30, 40, 100, 0.5902188158964217, 0.5857291909648115},
      {10, 500, 100, 3000, 0.04019633618444087, 0.9802960165838682},
      {40, 490, 100, 700, 1.337792105234222e-11, 0.9999999999971207},
      {96, 1554, 859, 3000, 2.1761059453332854e-191, 1.0},
      {859, 1554, 859, 3000, 1.0, 8.3832935e-317},
      {2, 2990, 1000, 3000, 0.0, 1.0},
      {990, 2990, 1000, 3000, 1.643248799854051e-05, 1.0},
  };
  for (const Known& one : known) {
    CAPTURE(one.x, one.marked, one.draws, one.population);
    const auto tails = hypergeometric_tails(one.x, one.marked, one.draws, one.population);
    CHECK(tails.lower == Approx(one.lower).epsilon(1e-12).margin(1e-300));
    CHECK(tails.upper == Approx(one.upper).epsilon(1e-12).margin(1e-300));
  }
}

TEST_CASE("hypergeometric_tails do not mind which of two samples is called the first, nor which side is marked", "[stats][property]") {
  for (std::uint64_t population : {2U, 9U, 100U, 100'000U})
    for (std::uint64_t marked = 0; marked <= population; marked += 1 + population / 5)
      for (std::uint64_t draws = 0; draws <= population; draws += 1 + population / 7)
        for (std::uint64_t x = 0; x <= std::min(marked, draws); x += 1 + population / 9) {
          CAPTURE(population, marked, draws, x);
          const auto tails = hypergeometric_tails(x, marked, draws, population);
          CHECK(tails.lower + tails.upper >= 1.0 - 1e-12);
          const auto swapped = hypergeometric_tails(x, draws, marked, population);
          CHECK(swapped.lower == Approx(tails.lower).epsilon(1e-10).margin(1e-290));
          CHECK(swapped.upper == Approx(tails.upper).epsilon(1e-10).margin(1e-290));
          if (draws - x > population - marked) continue;
          const auto unmarked = hypergeometric_tails(draws - x, population - marked, draws, population);
          CHECK(unmarked.upper == Approx(tails.lower).epsilon(1e-10).margin(1e-290));
        }
}

TEST_CASE("hypergeometric_tails know what is impossible and what is certain", "[stats]") {
  CHECK(hypergeometric_tails(0, 0, 5, 10).two_sided() == 1.0);
  CHECK(hypergeometric_tails(5, 10, 5, 10).two_sided() == 1.0);
  CHECK(hypergeometric_tails(1, 8, 5, 10).lower == 0.0);  // at least three of the five are marked
  CHECK(hypergeometric_tails(1, 8, 5, 10).upper == 1.0);
  CHECK(hypergeometric_tails(6, 8, 5, 10).upper == 0.0);
  CHECK(hypergeometric_tails(6, 8, 5, 10).lower == 1.0);
  const auto large = hypergeometric_tails(500'000, 1'000'000'000, 1'000'000, 2'000'000'000);
  CHECK(large.lower == Approx(0.5).margin(1e-3));
  CHECK(large.two_sided() == 1.0);
}
