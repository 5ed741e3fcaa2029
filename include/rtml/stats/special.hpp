#pragma once

#include <cstdint>

#include "rtml/core/export.hpp"

namespace rtml::stats {

// Special functions behind p-values, compiled once. Safe from any thread (std::lgamma is not: it writes `signgam`); none allocates or
// throws: an argument outside the domain gives NaN. tests/stats/special_test.cpp holds them to scipy's values.

/// P(Z <= z) of a standard normal.
RTML_API double normal_cdf(double z) noexcept;

/// P(Z > z) of a standard normal, accurate far into the tail, where 1 - normal_cdf(z) is 0.
RTML_API double normal_sf(double z) noexcept;

/// The z with normal_cdf(z) = p, for p in [0, 1]; about 1e-15 relative. An upper quantile is -normal_quantile(p): exact for tiny p.
/// Source: M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988), 477-484.
RTML_API double normal_quantile(double p) noexcept;

/// ln of the gamma function for x > 0, to about 1e-14.
RTML_API double log_gamma(double x) noexcept;

/// Regularised lower incomplete gamma function P(a, x), a > 0, x >= 0.
RTML_API double gamma_p(double a, double x) noexcept;

/// Regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), with its own relative accuracy. O(sqrt(a)) steps near x = a.
/// Source: W. H. Press et al., Numerical Recipes (3rd ed.), 6.2; prefactor as in C. Loader, "Fast and accurate computation of binomial
/// probabilities" (2000).
RTML_API double gamma_q(double a, double x) noexcept;

/// P(X > x) of a chi-squared variable with `freedom` > 0 degrees of freedom.
RTML_API double chi2_sf(double x, double freedom) noexcept;

/// Regularised incomplete beta function I_x(a, b), a > 0, b > 0, x in [0, 1]: P(X <= x) of a beta variable. O(sqrt(max(a, b))) steps near the
/// mean; about 1e-12 relative, far into the lower tail too. The upper tail with its own relative accuracy is beta_p(b, a, 1 - x).
/// Source: W. H. Press et al., Numerical Recipes (3rd ed.), 6.4; prefactor as in C. Loader, "Fast and accurate computation of binomial
/// probabilities" (2000).
RTML_API double beta_p(double a, double b, double x) noexcept;

/// The x with I_x(a, b) = p, for p in [0, 1]. Newton's steps within a bracket: some ten calls of beta_p.
RTML_API double beta_quantile(double p, double a, double b) noexcept;

/// P(K > x) of Kolmogorov's limiting distribution.
RTML_API double kolmogorov_sf(double x) noexcept;

/// P(D > x) of the largest gap between a continuous distribution function and that of n values drawn from it, either side above; NaN for
/// n = 0. Exact for n <= 140, at least 5 digits above. O(n) above its median, and at most 1 ms below.
/// Source: R. Simard, P. L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", J. Statistical Software 39 (2011), 11.
RTML_API double kolmogorov_smirnov_sf(double x, std::uint64_t n) noexcept;

/// P(W > x) of Cramer and von Mises' limiting distribution, with its own relative accuracy.
/// Source: N. V. Smirnov, "Sur la distribution de omega^2", C. R. Acad. Sci. Paris 202 (1936), 449-452.
RTML_API double cramer_von_mises_sf(double x) noexcept;

/// P(A > x) of Anderson and Darling's limiting distribution, with its own relative accuracy.
/// Source: T. W. Anderson, D. A. Darling, "Asymptotic theory of certain goodness of fit criteria", Annals of Math. Statistics 23 (1952),
/// 193-212.
RTML_API double anderson_darling_sf(double x) noexcept;

}  // namespace rtml::stats
