#include "rtml/stats/intervals.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "rtml/core/finite.hpp"

#include "stats/reference/interval_reference.hpp"
#include "support/catch.hpp"

using rtml::stats::beta_p;
using rtml::stats::beta_quantile;
using rtml::stats::clopper_pearson;
using rtml::stats::Interval;
using rtml::stats::wilson;

namespace {

Approx to_nine_digits(double value) { return Approx(value).epsilon(1e-9).margin(0.0); }

/// The exact chance that an interval of a binomial sample covers `rate`.
template <class Method>
double coverage_of(Method method, int n, double rate) {
  double covered = 0.0;
  double chance = std::pow(1.0 - rate, n);  // of k successes
  for (int k = 0; k <= n; ++k) {
    const Interval interval = method(k, n, 0.95);
    if (interval.low <= rate && rate <= interval.high) covered += chance;
    chance *= rate / (1.0 - rate) * (n - k) / (k + 1.0);
  }
  return covered;
}

}  // namespace

TEST_CASE("beta_p and beta_quantile are scipy's, far into the tail", "[stats][reference]") {
  for (const auto& row : rtml::testing::beta_cdf_reference) {
    CAPTURE(row.argument, row.a, row.b);
    CHECK(beta_p(row.a, row.b, row.argument) == to_nine_digits(row.value));
  }
  for (const auto& row : rtml::testing::beta_quantile_reference) {
    CAPTURE(row.argument, row.a, row.b);
    CHECK(beta_quantile(row.argument, row.a, row.b) == to_nine_digits(row.value));
  }
}

TEST_CASE("beta_p mirrors, obeys its recurrence, is elementary at b = 1, and beta_quantile undoes it", "[stats][property]") {
  for (const double a : {0.02, 0.5, 1.0, 3.0, 14.9, 15.1, 200.0, 5e4, 1e7}) {
    for (const double b : {0.03, 0.5, 1.0, 4.0, 14.9, 15.1, 300.0, 5e4, 1e7}) {
      const double mean = a / (a + b);
      const double deviation = std::sqrt(mean * (1.0 - mean) / (a + b + 1.0));
      for (const double steps : {-6.0, -2.0, -0.5, 0.0, 1.0, 3.0}) {
        const double x = mean + steps * deviation;
        if (!(x > 0.0 && x < 1.0)) continue;
        CAPTURE(a, b, x);
        const double p = beta_p(a, b, x);
        CHECK(p + beta_p(b, a, 1.0 - x) == Approx(1.0).epsilon(1e-9));
        // (a + b) I_x(a, b) = a I_x(a + 1, b) + b I_x(a, b + 1)
        CHECK(beta_p(a + 1.0, b, x) <= p * (1.0 + 1e-9));
        CHECK(beta_p(a, b + 1.0, x) >= p * (1.0 - 1e-9));
        CHECK(p == Approx((a * beta_p(a + 1.0, b, x) + b * beta_p(a, b + 1.0, x)) / (a + b)).epsilon(1e-8).margin(1e-300));
        if (p > 1e-290 && p < 1.0 - 1e-9 && x < 1.0 - 1e-7) {  // closer to 1, x itself has too few digits
          const double back = beta_quantile(p, a, b);
          CHECK(beta_p(a, b, back) == Approx(p).epsilon(1e-8));
        }
      }
    }
  }
  for (const double x : {1e-9, 0.1, 0.5, 0.999}) {
    CHECK(beta_p(3.0, 1.0, x) == Approx(x * x * x).epsilon(1e-12));
    CHECK(beta_p(1.0, 3.0, x) == Approx(-std::expm1(3.0 * std::log1p(-x))).epsilon(1e-12));
    CHECK(beta_quantile(x, 4.0, 1.0) == Approx(std::pow(x, 0.25)).epsilon(1e-12));
  }
}

TEST_CASE("Outside their domain beta functions and intervals are NaN, and at its edge 0 and 1", "[stats][bad_input]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, -1.0, 0.0, infinity}) {
    CHECK(rtml::is_nan(beta_p(bad, 1.0, 0.5)));
    CHECK(rtml::is_nan(beta_p(1.0, bad, 0.5)));
    CHECK(rtml::is_nan(beta_quantile(0.5, bad, 1.0)));
    CHECK(rtml::is_nan(wilson(0.0, bad).low));
    CHECK(rtml::is_nan(clopper_pearson(0.0, bad).high));
  }
  for (const double bad : {nan, -0.1, 1.1}) {
    CHECK(rtml::is_nan(beta_p(1.0, 1.0, bad)));
    CHECK(rtml::is_nan(beta_quantile(bad, 1.0, 1.0)));
  }
  CHECK(rtml::is_nan(wilson(6.0, 5.0).low));
  CHECK(rtml::is_nan(wilson(-1.0, 5.0).low));
  CHECK(rtml::is_nan(wilson(1.0, 5.0, 1.0).low));
  CHECK(rtml::is_nan(clopper_pearson(1.0, 5.0, 0.0).low));
  CHECK(beta_p(2.0, 3.0, 0.0) == 0.0);
  CHECK(beta_p(2.0, 3.0, 1.0) == 1.0);
  CHECK(beta_quantile(0.0, 2.0, 3.0) == 0.0);
  CHECK(beta_quantile(1.0, 2.0, 3.0) == 1.0);
}

TEST_CASE("Wilson's and Clopper and Pearson's intervals are the reference's", "[stats][reference]") {
  for (const auto& row : rtml::testing::wilson_reference) {
    CAPTURE(row.successes, row.n);
    CHECK(wilson(row.successes, row.n).low == to_nine_digits(row.low));
    CHECK(wilson(row.successes, row.n).high == to_nine_digits(row.high));
  }
  for (const auto& row : rtml::testing::clopper_pearson_reference) {
    CAPTURE(row.successes, row.n);
    CHECK(clopper_pearson(row.successes, row.n).low == to_nine_digits(row.low));
    CHECK(clopper_pearson(row.successes, row.n).high == to_nine_digits(row.high));
  }
}

TEST_CASE("Clopper and Pearson's interval covers every rate; Wilson's on the average, and near 0 and 1 with 0.83 from n = 5 on",
          "[stats][property]") {
  const auto exact = [](double k, double n, double confidence) { return clopper_pearson(k, n, confidence); };
  const auto score = [](double k, double n, double confidence) { return wilson(k, n, confidence); };
  for (const int n : {1, 2, 5, 10, 30, 100}) {
    double mean = 0.0;
    int rates = 0;
    for (double rate = 0.001; rate < 1.0; rate += 0.0077) {
      CAPTURE(n, rate);
      CHECK(coverage_of(exact, n, rate) >= 0.95 - 1e-9);
      const double covered = coverage_of(score, n, rate);
      CHECK(covered > (n < 5 ? 0.79 : 0.83));
      mean += covered;
      ++rates;
    }
    CAPTURE(n);
    CHECK(mean / rates > 0.945);
    CHECK(mean / rates < 0.975);
  }
}

TEST_CASE("An interval of more draws is narrower, and that of the failures is its mirror", "[stats][metamorphic]") {
  for (const auto& method : {wilson, clopper_pearson}) {
    double before = 1.0;
    for (double n = 4.0; n < 1e7; n *= 4.0) {
      const Interval interval = method(0.25 * n, n, 0.95);
      const Interval mirrored = method(0.75 * n, n, 0.95);
      CHECK(interval.high - interval.low < before);
      before = interval.high - interval.low;
      CHECK(interval.low == Approx(1.0 - mirrored.high).epsilon(1e-9));
      CHECK(interval.high == Approx(1.0 - mirrored.low).epsilon(1e-9));
      CHECK(interval.low < 0.25);
      CHECK(interval.high > 0.25);
    }
  }
}
