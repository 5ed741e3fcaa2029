#pragma once

#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"

namespace rtml::stats {

// Many hypotheses at once: each function writes adjusted p-values, and a hypothesis is rejected at level alpha when its own is at most
// alpha. `adjusted` and `order` (scratch) have the size of the input, and `adjusted` may be the input itself. Nothing is allocated.
// O(k) for bonferroni, O(k log k) for the others.
//
// Holds for one look at one family. A family tested again every hour is a new one each time, and errors add up over the hours.
//
// A p-value that is NaN belongs to a hypothesis that could not be tested: it is counted as 1, never rejected, and stays NaN.

/// Holds the chance of any false rejection, under every dependence: k p.
RTML_API void bonferroni(std::span<const double> p, std::span<double> adjusted) noexcept;

/// Holds the chance of any false rejection, under every dependence, and rejects all that bonferroni does.
/// Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian J. of Statistics 6 (1979), 65-70.
RTML_API void holm(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept;

/// Holds the chance of any false rejection for independent (or positively dependent) p-values, and rejects all that holm does.
/// Source: Y. Hochberg, "A sharper Bonferroni procedure for multiple tests of significance", Biometrika 75 (1988), 800-802.
RTML_API void hochberg(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept;

/// Holds the false discovery rate, the mean share of false among the rejected, for independent (or positively dependent) p-values. The
/// chance of any false rejection is not held.
/// Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", J. Royal Statistical Society B 57 (1995), 289-300.
RTML_API void benjamini_hochberg(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept;

/// Holds the false discovery rate under every dependence: benjamini_hochberg times 1 + 1/2 + ... + 1/k.
/// Source: Y. Benjamini, D. Yekutieli, "The control of the false discovery rate under dependency", Annals of Statistics 29 (2001),
/// 1165-1188.
RTML_API void benjamini_yekutieli(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept;

/// The same from e-values (of mean at most 1 under the hypothesis, >= 0, infinity included): holds the false discovery rate under every
/// dependence, and for e-values read at any stopping time. e-BH at level alpha rejects those whose adjusted value is at most alpha. A
/// NaN or negative e-value is that of a hypothesis that could not be tested.
/// Source: R. Wang, A. Ramdas, "False discovery rate control with e-values", J. Royal Statistical Society B 84 (2022), 822-852, section 4.
RTML_API void e_benjamini_hochberg(std::span<const double> e, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept;

/// An e-value from a p-value: (1 - p + p ln p) / (p (ln p)^2), between 1/2 at p = 1 and infinity at p = 0; NaN outside [0, 1].
/// Source: V. Vovk, R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49 (2021), 1736-1754, section 2.
RTML_API double e_from_p(double p) noexcept;

}  // namespace rtml::stats
