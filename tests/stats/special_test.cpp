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

TEST_CASE("kolmogorov_smirnov_sf is scipy's for one to 100,000 values, far into the tail", "[stats][reference]") {
  for (const auto& row : rtml::testing::kolmogorov_smirnov_sf_reference) {
    CAPTURE(row.x, row.parameter);
    CHECK(kolmogorov_smirnov_sf(row.x, static_cast<std::uint64_t>(row.parameter)) == relative(row.value, 1e-11));
  }
}

TEST_CASE("kolmogorov_smirnov_sf falls in x without a step where its methods meet, and tends to kolmogorov_sf", "[stats][property]") {
  for (const std::uint64_t n : {1ULL, 2ULL, 7ULL, 139ULL, 140ULL, 141ULL, 1000ULL, 7000ULL, 20'000ULL}) {
    CAPTURE(n);
    const double root = std::sqrt(static_cast<double>(n));
    double last = 1.0;
    for (double z = 0.01; z < 3.0 && z < root; z += 0.01) {
      CAPTURE(z);
      const double p = kolmogorov_smirnov_sf(z / root, n);
      CHECK(p <= last + 1e-9);
      CHECK(p >= 0.0);
      if (n >= 139) {
        CHECK(last - p < 0.03);
        CHECK(p == Approx(kolmogorov_sf(z)).margin(0.4 / root));
      }
      last = p;
    }
  }
  const auto step = [](std::uint64_t n) { return kolmogorov_smirnov_sf(0.1, n) - kolmogorov_smirnov_sf(0.1, n + 1); };
  CHECK(step(140) == Approx(step(139)).epsilon(0.05));  // exact to 140, by an expansion from there
  CHECK(kolmogorov_smirnov_sf(1.0, 5) == 0.0);
  CHECK(kolmogorov_smirnov_sf(0.0, 5) == 1.0);
  CHECK(kolmogorov_smirnov_sf(-1.0, 5) == 1.0);
  CHECK(rtml::is_nan(kolmogorov_smirnov_sf(0.5, 0)));
  CHECK(rtml::is_nan(kolmogorov_smirnov_sf(undefined, 5)));
}

TEST_CASE("cramer_von_mises_sf and anderson_darling_sf are their series summed to 30 digits, from end to end", "[stats][reference]") {
  struct Row {
    double x, value;
  };
  for (const auto& row : {Row{0.003, 1.0},
                          {0.01, 0.999994135567190131},
                          {0.02, 0.996999385698398122},
                          {0.05, 0.87628093104134899},
                          {0.46136, 0.050000383132651276},
                          {0.74346, 0.0099999619154553671},
                          {1.857, 0.0000268129507557361687},
                          {3.403479660132982, 9.72186058901902905e-9},
                          {6.708711752835441, 5.75765975254714101e-16}}) {
    CAPTURE(row.x);
    CHECK(cramer_von_mises_sf(row.x) == relative(row.value));
  }
  for (const auto& row : {Row{0.05, 0.9999999998268508},
                          {0.1, 0.9999719218948736},
                          {0.5, 0.7468143735303445},
                          {2.4924, 0.04999801609242245},
                          {3.8781, 0.01000028215546663},
                          {10.0, 1.381503541068586e-5}}) {
    CAPTURE(row.x);
    CHECK(anderson_darling_sf(row.x) == relative(row.value));
  }
  double last_cvm = 1.0;
  double last_ad = 1.0;
  for (double x = 0.0; x < 60.0; x += x < 1.0 ? 0.001 : 0.1) {
    CAPTURE(x);
    const double cvm = cramer_von_mises_sf(x);
    const double ad = anderson_darling_sf(x);
    CHECK(cvm <= last_cvm + 1e-15);
    CHECK(ad <= last_ad + 1e-15);
    last_cvm = cvm;
    last_ad = ad;
  }
  CHECK(last_cvm > 0.0);
  CHECK(last_ad > 0.0);
  for (const double x : {1e6, boundless}) {
    CHECK(cramer_von_mises_sf(x) == 0.0);
    CHECK(anderson_darling_sf(x) == 0.0);
  }
  CHECK(cramer_von_mises_sf(-1.0) == 1.0);
  CHECK(rtml::is_nan(cramer_von_mises_sf(undefined)));
  CHECK(rtml::is_nan(anderson_darling_sf(undefined)));
}
