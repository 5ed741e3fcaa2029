#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rtml/core/export.hpp"

namespace rtml::drift {

/// How the columns of one window are judged together (stats/multiple_testing.hpp).
enum class Multiplicity : std::uint8_t {
  bonferroni,  ///< holds the mean number of columns that alarm falsely; any dependence between columns
  holm,        ///< holds the chance that any column does; any dependence; alarms wherever bonferroni does
  bh,    ///< Benjamini-Hochberg: names more columns when several moved; independent columns, else up to ln(columns) + 1 times the budget
  e_bh,  ///< the same from e-values: any dependence, and less power than holm for a single column that moved
};

constexpr std::string_view name_of(Multiplicity multiplicity) noexcept {
  constexpr std::string_view names[] = {"Bonferroni", "Holm", "Benjamini-Hochberg", "e-BH"};
  return names[static_cast<std::size_t>(multiplicity)];
}

/// Adjusted p-values: a column is named when its own is at most the level of its window. `order` is scratch; all have one size.
RTML_API void adjust(Multiplicity multiplicity, std::span<const double> p, std::span<double> adjusted,
                     std::span<std::uint32_t> order) noexcept;

/// The false alarms that are accepted, and what is worth one.
///
/// While rows are drawn independently from one distribution, whatever it is and (but for `bh`) however its columns depend on each other, and
/// on the average over references:
/// - the chance of any alarm within the first N rows after the reference is at most N `false_alarms`;
/// - the first alarm comes after 1 / `false_alarms` rows at the least, on the average, less the longest window.
/// Rows that depend on those before them break both (docs/drift.md has figures).
struct Budget {
  double false_alarms = 1e-6;  ///< a row, over all columns and windows together; > 0
  double least_effect = 0.05;  ///< share of the rows that must have moved across an edge, in (0, 1), above the reference's own noise
  Multiplicity multiplicity = Multiplicity::holm;
};

}  // namespace rtml::drift
