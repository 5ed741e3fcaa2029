#include "rtml/stats/special.hpp"

#include <cmath>
#include <limits>

#include "rtml/core/finite.hpp"

#include "stats/reference/special_reference.hpp"
#include "support/catch.hpp"

using namespace rtml::stats;

namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr double boundless = std::numeric_limits<double>::infinity();

Approx relative(double value, double tolerance = 1e-12) { return Approx(value).epsilon(tolerance).margin(0.0); }

}  // namespace

TEST_CASE("normal_sf, chi2_sf and kolmogorov_sf are scipy's, far into the tail", "[stats][reference]") {
  for (const auto& row : rtml::testing::normal_sf_reference) {
    CAPTURE(row.x);
    CHECK(normal_sf(row.x) == relative(row.value));
    CHECK(normal_cdf(-row.x) == relative(row.value));
    CHECK(normal_cdf(row.x) == Approx(1.0 - row.value).margin(1e-15));
  }
  for (const auto& row : rtml::testing::chi2_sf_reference) {
    CAPTURE(row.x, row.parameter);
    CHECK(chi2_sf(row.x, row.parameter) == relative(row.value, 1e-11));
  }
  for (const auto& row : rtml::testing::kolmogorov_sf_reference) {
    CAPTURE(row.x);
    CHECK(kolmogorov_sf(row.x) == relative(row.value));
  }
}

TEST_CASE("normal_quantile is scipy's, and undoes normal_cdf", "[stats][reference]") {
  for (const auto& row : rtml::testing::normal_isf_reference) {
    CAPTURE(row.x);
    CHECK(-normal_quantile(row.x) == Approx(row.value).epsilon(1e-13).margin(1e-15));
    CHECK(normal_sf(-normal_quantile(row.x)) == relative(row.x, 1e-11));
  }
  for (double z = -8.0; z < 8.0; z += 0.0625) {
    CAPTURE(z);
    CHECK(normal_quantile(normal_cdf(z)) == Approx(z).margin(z < 4.0 ? 1e-10 : 0.5));  // above, the digits of 1 - p run out
    CHECK(-normal_quantile(normal_sf(z)) == Approx(z).margin(z > -4.0 ? 1e-10 : 0.5));
  }
  CHECK(normal_quantile(0.0) == -boundless);
  CHECK(normal_quantile(1.0) == boundless);
}

TEST_CASE("log_gamma is scipy's, and steps by ln x", "[stats][reference]") {
  for (const auto& row : rtml::testing::log_gamma_reference) {
    CAPTURE(row.x);
    CHECK(log_gamma(row.x) == Approx(row.value).epsilon(1e-13).margin(1e-13));
  }
  for (double x = 0.05; x < 40.0; x *= 1.17) CHECK(log_gamma(x + 1.0) == Approx(log_gamma(x) + std::log(x)).epsilon(1e-13).margin(1e-13));
}

TEST_CASE("gamma_p and gamma_q add up to 1, obey their recurrence, and are elementary at a = 1/2 and 1", "[stats][property]") {
  for (double a = 0.1; a < 3e5; a *= 1.7) {
    for (const double of_mean : {0.01, 0.3, 0.9, 0.99, 1.0, 1.01, 1.1, 3.0}) {
      const double x = a * of_mean;
      CAPTURE(a, x);
      CHECK(gamma_p(a, x) + gamma_q(a, x) == Approx(1.0).epsilon(1e-13));
      const double step = std::exp(a * std::log(x) - x - log_gamma(a + 1.0));  // Q(a + 1, x) - Q(a, x)
      CHECK(gamma_q(a + 1.0, x) - gamma_q(a, x) == Approx(step).epsilon(1e-8).margin(1e-12));
    }
  }
  for (const double x : {1e-9, 0.1, 1.0, 2.5, 30.0, 600.0}) {
    CAPTURE(x);
    CHECK(gamma_q(1.0, x) == relative(std::exp(-x), 1e-13));
    CHECK(gamma_q(0.5, x) == relative(std::erfc(std::sqrt(x))));
    CHECK(gamma_p(0.5, x) == relative(std::erf(std::sqrt(x))));
  }
}

TEST_CASE("kolmogorov_sf falls from 1 to 0 without a step where its two series meet", "[stats][property]") {
  double last = 1.0;
  for (double x = 0.0; x < 5.0; x += 1.0 / 256.0) {
    CAPTURE(x);
    const double p = kolmogorov_sf(x);
    CHECK(p <= last);
    CHECK(last - p < 0.01);
    last = p;
  }
  CHECK(kolmogorov_sf(std::nextafter(1.0, 0.0)) == relative(kolmogorov_sf(1.0)));
  CHECK(kolmogorov_sf(40.0) == 0.0);
}

TEST_CASE("special functions give NaN outside their domain, and their limits at its ends", "[stats]") {
  for (const double x : {undefined, -0.1, 1.1}) CHECK(rtml::is_nan(normal_quantile(x)));
  for (const double a : {undefined, 0.0, -1.0, boundless}) {
    CHECK(rtml::is_nan(gamma_p(a, 1.0)));
    CHECK(rtml::is_nan(gamma_q(a, 1.0)));
  }
  CHECK(rtml::is_nan(gamma_q(1.0, -1.0)));
  CHECK(rtml::is_nan(gamma_q(1.0, undefined)));
  CHECK(rtml::is_nan(log_gamma(0.0)));
  CHECK(rtml::is_nan(kolmogorov_sf(undefined)));
  CHECK(rtml::is_nan(normal_sf(undefined)));
  CHECK(gamma_q(2.0, 0.0) == 1.0);
  CHECK(gamma_p(2.0, 0.0) == 0.0);
  CHECK(gamma_q(2.0, boundless) == 0.0);
  CHECK(gamma_p(2.0, boundless) == 1.0);
  CHECK(normal_sf(boundless) == 0.0);
  CHECK(kolmogorov_sf(0.0) == 1.0);
}
