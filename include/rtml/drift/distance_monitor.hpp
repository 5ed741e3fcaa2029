#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/drift/distance.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

/// Watches the dense columns of a feature stream: how far is the distribution of the last `window` rows from the reference?
///
/// The first `reference` rows are the reference and give the bins: equal shares of a numeric column (stats/quantile_bins.hpp), the
/// most frequent categories of a nominal one with one more bin for all others, those never seen before included; missing values (NaN)
/// have their own bin. From then on each column has exact counts of the last `window` rows, and a distance is that of
/// histogram_distance.hpp on the same rows. A row with an infinite or enormous value, or too few columns, is refused and counted.
///
/// The window must hold 10 rows a bin: psi without any drift is psi_null_mean on the average, 0.014 for 10 bins and the defaults, but
/// 0.18 for windows of 50, where a level of 0.2 alarms on a quarter of them. Compare `p_value` too.
///
/// update() is O(columns), allocates nothing; the reference's last row also sorts it. One writer; no readers beside it.
/// Memory: 4 max(reference, window) + window bytes a column, and the counts.
class DistanceMonitor {
 public:
  struct Options {
    std::size_t reference = 2000;  ///< rows, >= 10 bins
    std::size_t window = 1000;     ///< rows, >= 10 bins
    std::size_t bins = 10;         ///< of a numeric column, in [2, 64]
    std::size_t categories = 32;   ///< of a nominal column that have their own bin, in [1, 128]
  };

  struct Largest {
    std::size_t column = 0;  ///< dense place; 0 when there is none
    double value = std::numeric_limits<double>::quiet_NaN();
  };

  explicit DistanceMonitor(const Schema& schema) : DistanceMonitor(schema, Options{}) {}

  /// Allocates all that it ever will.
  /// @throws ConfigError
  RTML_API DistanceMonitor(const Schema& schema, const Options& options);

  void update(const Features& x) noexcept {
    if (x.dense.size() < columns_ || !is_usable(Features{x.dense.first(columns_), {}})) {
      ++refused_;
      return;
    }
    if (columns_ == 0) return;
    const float* values = x.dense.data();
    std::copy_n(values, columns_, rows_.data() + next_ * columns_);
    if (reference_rows_ == 0) {
      if (++next_ == options_.reference) learn(options_.reference);
      return;
    }
    std::uint8_t* codes = codes_.data() + next_ * columns_;
    if (filled_ == options_.window) {
      count<-1>(codes);
    } else {
      ++filled_;
    }
    encode(values, codes);
    count<+1>(codes);
    if (++next_ == options_.window) next_ = 0;
  }

  /// Takes these rows [n, columns()] as the reference, in place of the first ones or of an earlier reference; the window begins anew.
  /// Allocates when n > max(reference, window).
  /// @throws ConfigError unless n >= 10 bins, n is whole and every value is usable or NaN.
  RTML_API void learn_reference(std::span<const float> rows);

  /// After a retraining: the rows of the full window become the reference, with new bins, and the window begins anew. False, and
  /// nothing happens, unless ready().
  bool take_reference_from_current() noexcept {
    if (!ready()) return false;
    learn(options_.window);
    return true;
  }

  /// True when there is a reference and a full window; before, distances are NaN.
  bool ready() const noexcept { return reference_rows_ != 0 && filled_ == options_.window; }

  std::size_t columns() const noexcept { return columns_; }

  /// Rows of the reference; 0 before it is known.
  std::size_t reference_rows() const noexcept { return reference_rows_; }

  /// Rows in the window.
  std::size_t window_rows() const noexcept { return filled_; }

  /// Statistic, p-value and effect of one column, `column` < columns(); NaN before ready(). js is the distance in base 2.
  ///
  /// ks is that of the bins, which is at most that of the values: its p-value (Kolmogorov's limit) is rather too large than too small.
  /// Missing lies above all values. A nominal column has no order: there ks is the total variation (the largest gap over all sets of
  /// categories), with psi's p-value. O(bins).
  RTML_API TwoSample compare(Distance distance, std::size_t column) const noexcept;

  double psi(std::size_t column) const noexcept { return compare(Distance::psi, column).statistic; }
  double js(std::size_t column) const noexcept { return compare(Distance::js, column).statistic; }
  double ks(std::size_t column) const noexcept { return compare(Distance::ks, column).statistic; }
  double p_value(Distance distance, std::size_t column) const noexcept { return compare(distance, column).p_value; }

  /// The column that moved most. O(columns bins).
  RTML_API Largest largest(Distance distance) const noexcept;

  /// @throws ConfigError for an unknown name.
  Largest largest(std::string_view distance) const { return largest(distance_named(distance)); }

  /// Counts of a column's bins: values in ascending order or categories, others (nominal), missing. Empty before there is a reference.
  std::span<const std::uint64_t> reference_counts(std::size_t column) const noexcept { return counts(reference_, column); }
  std::span<const std::uint64_t> current_counts(std::size_t column) const noexcept { return counts(current_, column); }

  std::uint64_t refused() const noexcept { return refused_; }

  RTML_API std::size_t memory_bytes() const noexcept;

  /// Restores into a monitor of the same schema and options.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DistanceMonitor", 1);
    std::uint64_t fingerprint = self.fingerprint_;
    Options options = self.options_;
    ar(fingerprint, options.reference, options.window, options.bins, options.categories);
    ar.check(fingerprint == self.fingerprint_, "schema (saved: other columns)");
    ar.check(options.reference == self.options_.reference && options.window == self.options_.window,
             "reference and window (saved: others)");
    ar.check(options.bins == self.options_.bins && options.categories == self.options_.categories, "bins (saved: others)");
    ar(self.refused_, self.reference_rows_, self.next_, self.filled_);
    ar.check(self.places_are_valid(), "place");
    ar(self.bins_, self.edges_, self.categories_, self.reference_);
    std::vector<float> rows;
    if constexpr (!Ar::reading) rows.assign(self.rows_.begin(), self.rows_.begin() + static_cast<std::ptrdiff_t>(self.kept_values()));
    ar(rows);
    ar.check(rows.size() == self.kept_values(), "rows");
    if constexpr (Ar::reading) {
      ar.check(self.bins_are_valid(), "bins");
      ar.check(is_usable(Features{rows, {}}), "row value");
      std::copy(rows.begin(), rows.end(), self.rows_.begin());
      self.count_window();
    }
  }

 private:
  static constexpr std::size_t lanes = 16;

  /// Adds Step to the bins of a row in the window.
  template <int Step>
  void count(const std::uint8_t* codes) noexcept {
    std::uint64_t* column = current_.data();
    const std::size_t stride = stride_;  // held here: a counter may alias a member
    for (const std::uint8_t *code = codes, *end = codes + columns_; code != end; ++code, column += stride)
      column[*code] += static_cast<std::uint64_t>(Step);
  }

  /// Edges below a value are its bin. Edges lie [edge, column], padded with infinity: one comparison serves `lanes` columns.
  void encode(const float* values, std::uint8_t* codes) const noexcept {
    std::size_t begin = 0;
    for (; begin + lanes <= columns_; begin += lanes) encode_lanes(values + begin, begin, codes + begin);
    if (begin < columns_) {
      std::array<float, lanes> rest{};
      std::array<std::uint8_t, lanes> rest_codes;
      std::copy(values + begin, values + columns_, rest.begin());
      encode_lanes(rest.data(), begin, rest_codes.data());
      std::copy_n(rest_codes.begin(), columns_ - begin, codes + begin);
    }
    for (std::size_t i = 0; i < nominal_.size(); ++i) codes[nominal_[i]] = category_code(i, values[nominal_[i]]);
  }

  void encode_lanes(const float* values, std::size_t begin, std::uint8_t* codes) const noexcept {
    const float* edges = edges_.data() + begin;
    const std::int32_t* missing = missing_.data() + begin;
    std::array<std::int32_t, lanes> bins{};
    for (std::size_t k = 0; k + 1 < options_.bins; ++k, edges += padded_)
      for (std::size_t i = 0; i < lanes; ++i) bins[i] += values[i] > edges[i] ? 1 : 0;
    for (std::size_t i = 0; i < lanes; ++i) {
      const auto magnitude = std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff;
      bins[i] = magnitude > 0x7f800000 ? missing[i] : bins[i];
    }
    for (std::size_t i = 0; i < lanes; ++i) codes[i] = static_cast<std::uint8_t>(bins[i]);
  }

  std::uint8_t category_code(std::size_t nominal, float value) const noexcept {
    const float* known = categories_.data() + nominal * options_.categories;
    const std::size_t own = bins_[nominal_[nominal]] - 2U;
    if (is_nan(value)) return static_cast<std::uint8_t>(own + 1);
    const auto at = static_cast<std::size_t>(std::lower_bound(known, known + own, value) - known);
    return static_cast<std::uint8_t>(at < own && known[at] == value ? at : own);
  }

  std::span<const std::uint64_t> counts(const std::vector<std::uint64_t>& of, std::size_t column) const noexcept {
    return std::span<const std::uint64_t>(of).subspan(column * stride_, bins_[column]);
  }

  std::size_t kept_values() const noexcept { return columns_ * (reference_rows_ == 0 ? next_ : filled_); }

  bool places_are_valid() const noexcept {
    if (columns_ == 0) return reference_rows_ == 0 && next_ == 0 && filled_ == 0;
    if (reference_rows_ == 0) return next_ < options_.reference && filled_ == 0;
    return next_ < options_.window && (filled_ == options_.window || filled_ == next_);
  }

  RTML_API void learn(std::size_t rows) noexcept;
  void learn_numeric(std::size_t column) noexcept;
  void learn_nominal(std::size_t nominal) noexcept;
  RTML_API bool bins_are_valid() const noexcept;
  bool edges_are_valid(std::size_t column, std::size_t used) const noexcept;
  bool counts_are_valid(std::size_t column) const noexcept;
  RTML_API void count_window() noexcept;

  struct Category {
    float value;
    std::uint32_t count;
  };

  Options options_;
  std::uint64_t fingerprint_ = 0;
  std::size_t columns_ = 0;
  std::size_t padded_ = 0;              // columns, rounded up to lanes
  std::size_t stride_ = 0;              // bins a column has room for
  std::vector<std::uint32_t> nominal_;  // dense places

  std::uint64_t refused_ = 0;
  std::size_t reference_rows_ = 0;        // 0 while the reference is collected
  std::size_t next_ = 0;                  // row to be written
  std::size_t filled_ = 0;                // rows in the window
  std::vector<std::uint8_t> bins_;        // [columns] with others and missing; 0 before there is a reference
  std::vector<float> edges_;              // [bins - 1, padded]
  std::vector<float> categories_;         // [nominal, categories] ascending
  std::vector<std::uint64_t> reference_;  // [columns, stride]
  std::vector<std::uint64_t> current_;    // [columns, stride]
  std::vector<float> rows_;               // [max(reference, window), columns]
  std::vector<std::uint8_t> codes_;       // [window, columns]
  std::vector<std::int32_t> missing_;     // [padded] the bin of NaN
  std::vector<float> sorted_;             // scratch of learn()
  std::vector<Category> found_;
};

}  // namespace rtml::drift
