#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/drift/budget.hpp"
#include "rtml/drift/column_bins.hpp"
#include "rtml/drift/column_counts.hpp"
#include "rtml/drift/distance.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

/// Watches the dense columns of a feature stream, thousands of them, and alarms within a budget of false alarms that is kept.
///
/// The first `edge_rows` rows give the bins of each column (column_bins.hpp), the next `reference` rows are counted in them: the
/// reference. From then on rows are counted in windows of `window` rows, of 4 windows, of 16 and so on (`scales` of them): short ones find
/// large changes soon, long ones small changes at all. When a window is full, each column's counts are compared with the reference at
/// every split of its bins, by the exact test of two samples given both together (Fisher's, whose null hypothesis is that the rows of
/// both are exchangeable). A column alarms when a split is significant and its effect, the share of rows that moved across it, is larger
/// than the budget's least effect.
///
/// Why the budget holds: bins come from rows that are not counted, so given the bins each test is exact for any distribution, ties
/// included; a column's p-value is its smallest one times its splits (Bonferroni); columns are corrected by `multiplicity`; and a window of
/// m rows at one of s scales is tested at level m false_alarms / s. Levels add up to N false_alarms over N rows, whatever windows, and columns
/// but for `bh`, depend on (the union bound). Given the reference, spans as long as the longest window are independent, so the mean of
/// the first alarm is at least the inverse of their mean level (Jensen), less one such window.
///
/// update() takes O(columns bins) every 32 rows and when a window is full, else it copies the row; it allocates nothing. One writer; no
/// readers beside it. Memory: 4 max(edge_rows, 32) bytes a column, 4 (bins + 1) for the edges, the reference and each of `scales` + 1 windows,
/// and 60 `scales` + 45 for what it is judged by: 2.4 KB by default.
/// Source: R. A. Fisher, Statistical Methods for Research Workers (5th ed., 1934), 21.02; S. Holm, Scandinavian J. of Statistics 6 (1979).
class DriftMonitor {
 public:
  struct Options {
    std::size_t edge_rows = 500;   ///< rows that give the bins, >= 10 bins
    std::size_t reference = 2000;  ///< rows that are counted next, >= 10 bins
    std::size_t window = 1000;     ///< rows, >= 10 bins
    std::size_t scales = 3;        ///< windows of window, 4 window, 16 window, ... rows, in [1, 8]
    ColumnBins::Options columns = {};
    Budget budget = {};
  };

  /// How far a column moved.
  struct Shift {
    double effect = std::numeric_limits<double>::quiet_NaN();   ///< the largest share of rows that moved across a split, in [0, 1]
    std::size_t split = 0;                                      ///< where (ColumnBins::splits)
    double p_value = std::numeric_limits<double>::quiet_NaN();  ///< exact, of the most significant split, times the number of splits
  };

  struct Alarm {
    std::size_t column = 0;         ///< dense place
    std::size_t scale = 0;          ///< of the window, 0 is the shortest
    std::size_t split = 0;          ///< the one that moved
    double effect = 0.0;            ///< there
    double p_value = 1.0;           ///< of the column alone
    double adjusted_p_value = 1.0;  ///< after the correction for many columns
    std::uint64_t rows = 0;         ///< of the window: the change lies in them, or not long before
  };

  struct Largest {
    std::size_t column = 0;  ///< dense place; 0 when there is none
    double value = std::numeric_limits<double>::quiet_NaN();
  };

  explicit DriftMonitor(const Schema& schema) : DriftMonitor(schema, Options{}) {}

  /// Allocates all that it ever will.
  /// @throws ConfigError; also when the least effect is not above noise(reference)
  RTML_API DriftMonitor(const Schema& schema, const Options& options);

  /// `drift` when this row filled a window in which columns alarm: alarms() has them. A row with too few columns is refused and counted.
  RTML_API Change update(const Features& x) noexcept;

  /// The rows of a batch, in order. When several windows became full, alarms() has those of the last one: until_full() tells how many rows
  /// to give.
  /// @throws ConfigError when the batch has too few columns
  RTML_API Change update(const Batch& batch);

  /// What a copy of bins() counted elsewhere: a thread, a shard. The rows of all parts are one window as soon as it has `window` rows.
  /// @throws ConfigError when the bins are others, or there is no reference yet
  RTML_API Change update(const ColumnCounts& counts);

  /// Rows to come until the window, the reference or the rows for the edges are full.
  std::size_t until_full() const noexcept { return wanted() - have(); }

  /// Takes these rows as the reference: the first edge_rows for the bins, all others counted. Windows begin anew. Allocates.
  /// @throws ConfigError unless enough rows are left to count
  RTML_API void learn_reference(const Batch& batch);

  /// After a retraining: forgets the reference, and takes the next rows for another one.
  RTML_API void relearn() noexcept;

  /// True when there is a reference and a full window; before, distances are NaN.
  bool ready() const noexcept { return windows_ != 0; }

  /// Alarms of the windows that became full last.
  std::span<const Alarm> alarms() const noexcept { return std::span(alarms_).first(alarm_count_); }

  /// True while the newest window of any scale alarms for a column.
  bool drifted(std::size_t column) const noexcept { return drifted_[column] != 0; }
  /// How many columns that is true of.
  RTML_API std::size_t drifted() const noexcept;

  /// The last full window of the shortest scale against the reference; NaN before ready(). Exact; O(bins + sqrt(window)).
  RTML_API Shift shift(std::size_t column) const noexcept;
  /// Its effect alone. O(bins).
  RTML_API double effect(std::size_t column) const noexcept;

  /// Statistic, p-value and effect of one column in that window; NaN before ready(). js is the distance in base 2.
  ///
  /// ks is that of the bins, at most that of the values: its p-value (Kolmogorov's limit) is rather too large than too small. Missing lies
  /// above all values. A nominal column has no order: there ks is the total variation (the largest gap over all sets of categories), with
  /// psi's p-value. O(bins).
  RTML_API TwoSample compare(Distance distance, std::size_t column) const noexcept;

  /// The column that moved most. O(columns bins).
  RTML_API Largest largest(Distance distance) const noexcept;

  const Options& options() const noexcept { return options_; }
  const ColumnBins& bins() const noexcept { return bins_; }
  std::size_t columns() const noexcept { return bins_.columns(); }
  const ColumnCounts& reference() const noexcept { return reference_; }
  const ColumnCounts& last() const noexcept { return last_; }  ///< the last full window of the shortest scale

  /// Rows since the reference.
  std::uint64_t rows() const noexcept { return rows_ + (learning() ? 0 : held_); }

  /// How many windows of the shortest scale were full since the reference.
  std::uint64_t windows() const noexcept { return windows_; }

  /// How far a reference of so many rows is from its distribution at every edge of a numeric column at once, in 19 of 20 cases: 1.36 /
  /// sqrt(rows).
  /// Source: A. Dvoretzky, J. Kiefer, J. Wolfowitz, Annals of Mathematical Statistics 27 (1956); constant by P. Massart (1990).
  RTML_API static double noise(std::size_t reference) noexcept;

  std::uint64_t refused() const noexcept { return refused_; }
  RTML_API std::size_t memory_bytes() const noexcept;

  /// Restores into a monitor of the same schema and options.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DriftMonitor", 1);
    Options options = self.options_;
    auto& budget = options.budget;
    ar(options.edge_rows, options.reference, options.window, options.scales);
    ar(budget.false_alarms, budget.least_effect, budget.multiplicity);
    ar.check(self.has_options(options), "options (saved: others)");
    ar(self.bins_, self.refused_, self.rows_, self.windows_, self.has_reference_, self.held_);
    ar.check(self.held_ <= self.most_held(), "rows held");
    if constexpr (Ar::reading) self.begin_counts();
    ar(self.reference_, self.filling_, self.last_);
    for (auto& window : self.longer_) ar(window.counts, window.windows);
    ar.check(self.counts_are_valid(), "counts");
    ar.values(std::span(self.drifted_));
    ar.values(std::span(self.held_rows_).first(self.held_ * self.columns()));
    ar.check(self.drifted_are_valid(), "drifted columns");
    if constexpr (Ar::reading) self.alarm_count_ = 0;
  }

 private:
  struct Longer {
    ColumnCounts counts;
    std::uint64_t windows = 0;  // of the shortest scale, added up
  };

  struct Candidate {
    std::size_t split = 0;
    double z_square = 0.0;  // 0 of none
  };

  bool learning() const noexcept { return !has_reference_; }
  std::size_t wanted() const noexcept {
    return !bins_.learned() ? options_.edge_rows : (learning() ? options_.reference : options_.window);
  }
  std::size_t have() const noexcept {
    if (!bins_.learned()) return held_;
    return static_cast<std::size_t>((learning() ? reference_ : filling_).rows()) + held_;
  }
  std::size_t most_held() const noexcept { return bins_.learned() ? block_rows - 1 : options_.edge_rows - 1; }

  RTML_API bool has_options(const Options& options) const noexcept;
  RTML_API void begin_counts() noexcept;
  RTML_API bool counts_are_valid() const noexcept;
  bool drifted_are_valid() const noexcept {
    return std::all_of(drifted_.begin(), drifted_.end(), [&](std::uint8_t scales) { return scales >> options_.scales == 0; });
  }
  Batch held() const noexcept { return {held_rows_.data(), held_, columns()}; }
  void hold(const Batch& rows) noexcept;
  void count_held() noexcept;
  Change advance() noexcept;
  Change close_window() noexcept;
  bool judge(const ColumnCounts& window, std::size_t scale) noexcept;

  static constexpr std::size_t block_rows = 32;  // counted at once

  Options options_;
  ColumnBins bins_;
  std::uint64_t refused_ = 0;
  std::uint64_t rows_ = 0;  // counted since the reference
  std::uint64_t windows_ = 0;
  bool has_reference_ = false;  // all its rows are counted
  std::size_t held_ = 0;        // rows that are not counted yet
  ColumnCounts reference_;
  ColumnCounts filling_;
  ColumnCounts last_;
  std::vector<Longer> longer_;         // [scales - 1]
  std::vector<std::uint8_t> drifted_;  // [columns] a bit for each scale
  std::vector<float> held_rows_;       // [max(edge_rows, block_rows), columns]
  std::size_t alarm_count_ = 0;
  std::vector<Alarm> alarms_;  // [columns, scales]: sized, so that a copy has the room too
  ColumnBins::Scratch scratch_;
  std::vector<Candidate> candidates_;  // [columns], of judge()
  std::vector<double> p_values_;       // [columns]
  std::vector<double> adjusted_;       // [columns]
  std::vector<std::uint32_t> order_;   // [columns]
};

}  // namespace rtml::drift
