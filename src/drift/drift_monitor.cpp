#include "rtml/drift/drift_monitor.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/stats/hypergeometric.hpp"
#include "rtml/stats/multiple_testing.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

constexpr std::size_t most_column_bins = 130;  // of a column: 128 categories, others, missing
constexpr std::size_t most_rows = std::size_t{1} << 31U;
using Histogram = std::array<std::uint64_t, most_column_bins>;

constexpr std::uint64_t windows_of(std::size_t scale) noexcept { return std::uint64_t{1} << (2 * scale); }

/// Splits of columns in two samples.
class Comparison {
 public:
  Comparison(const ColumnBins& bins, const ColumnCounts& reference, const ColumnCounts& window) noexcept
      : bins_(bins),
        reference_(reference),
        window_(window),
        per_reference_(1.0 / static_cast<double>(reference.rows())),
        per_window_(1.0 / static_cast<double>(window.rows())) {}

  /// Share of the rows that moved across the split.
  double gap(std::size_t column, std::size_t split) const noexcept {
    return std::abs(static_cast<double>(bins_.on_side(window_, column, split)) * per_window_ -
                    static_cast<double>(bins_.on_side(reference_, column, split)) * per_reference_);
  }

  /// The square of the usual z statistic, which orders the splits of a column as their exact p-values do, about.
  double z_square(std::size_t column, std::size_t split) const noexcept {
    const double both = static_cast<double>(bins_.on_side(window_, column, split) + bins_.on_side(reference_, column, split));
    const double pooled = both / static_cast<double>(window_.rows() + reference_.rows());
    const double variance = pooled * (1.0 - pooled) * (per_reference_ + per_window_);
    const double moved = gap(column, split);
    return variance > 0.0 ? moved * moved / variance : 0.0;
  }

  /// Of the column, when this is its most significant split.
  double p_value(std::size_t column, std::size_t split) const noexcept {
    const std::uint64_t now = bins_.on_side(window_, column, split);
    const std::uint64_t both = now + bins_.on_side(reference_, column, split);
    const auto tails = stats::hypergeometric_tails(now, both, window_.rows(), window_.rows() + reference_.rows());
    return std::min(1.0, static_cast<double>(bins_.splits(column)) * tails.two_sided());
  }

 private:
  const ColumnBins& bins_;
  const ColumnCounts& reference_;
  const ColumnCounts& window_;
  double per_reference_;
  double per_window_;
};

}  // namespace

void adjust(Multiplicity multiplicity, std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  switch (multiplicity) {
    case Multiplicity::bonferroni: stats::bonferroni(p, adjusted); break;
    case Multiplicity::holm: stats::holm(p, adjusted, order); break;
    case Multiplicity::bh: stats::benjamini_hochberg(p, adjusted, order); break;
    case Multiplicity::e_bh:
      std::transform(p.begin(), p.end(), adjusted.begin(), stats::e_from_p);
      stats::e_benjamini_hochberg(adjusted, adjusted, order);
      break;
  }
}

double DriftMonitor::noise(std::size_t reference) noexcept {
  return std::sqrt(std::log(2.0 / 0.05) / (2.0 * static_cast<double>(reference)));
}

DriftMonitor::DriftMonitor(const Schema& schema, const Options& options) : options_(options), bins_(schema, options.columns) {
  constexpr std::string_view type = "DriftMonitor";
  const std::size_t least_rows = 10 * options.columns.bins;
  const auto enough = [&](std::size_t rows) { return rows >= least_rows && rows <= most_rows; };
  constexpr std::string_view rule = "at least 10 rows a bin and at most 2^31";
  require(type, "edge_rows", options.edge_rows, enough(options.edge_rows), rule);
  require(type, "reference", options.reference, enough(options.reference), rule);
  require(type, "window", options.window, enough(options.window), rule);
  require(type, "scales", options.scales, options.scales >= 1 && options.scales <= 8, "in [1, 8]");
  require(type, "window", options.window, options.window <= most_rows / windows_of(options.scales - 1),
          "at most 2^31 rows in the longest scale");
  const Budget& budget = options.budget;
  const double longest = static_cast<double>(options.window * windows_of(options.scales - 1)) / static_cast<double>(options.scales);
  require(type, "false_alarms", budget.false_alarms, budget.false_alarms > 0.0 && budget.false_alarms * longest < 1.0,
          "> 0, and less than one in the longest window's share");
  require(type, "least_effect", budget.least_effect, budget.least_effect > noise(options.reference) && budget.least_effect < 1.0,
          "above the reference's own noise, 1.36 / sqrt(reference), and below 1");
  require(type, "multiplicity", static_cast<int>(budget.multiplicity), budget.multiplicity <= Multiplicity::e_bh, "a known one");
  reference_ = filling_ = last_ = bins_.counts();
  longer_.assign(options.scales - 1, {bins_.counts(), 0});
  drifted_.assign(columns(), 0);
  held_rows_.resize(std::max(options.edge_rows, block_rows) * columns());
  alarms_.resize(columns() * options.scales);
  scratch_.room(options.edge_rows);
  candidates_.resize(columns());
  p_values_.resize(columns());
  adjusted_.resize(columns());
  order_.resize(columns());
}

Change DriftMonitor::update(const Features& x) noexcept {
  if (columns() == 0) return Change::none;
  if (x.dense.size() < columns()) {
    ++refused_;
    return Change::none;
  }
  std::copy_n(x.dense.data(), columns(), held_rows_.data() + held_ * columns());
  ++held_;
  if (until_full() == 0) return advance();
  if (bins_.learned() && held_ == block_rows) count_held();
  return Change::none;
}

Change DriftMonitor::update(const Batch& batch) {
  require("DriftMonitor", "columns", batch.dense_size(), batch.dense_size() >= columns(), "those of the schema, or more");
  if (columns() == 0) return Change::none;
  Change strongest = Change::none;
  for (std::size_t begin = 0; begin < batch.size();) {
    const std::size_t rows = std::min(batch.size() - begin, until_full());
    if (bins_.learned()) {
      count_held();
      const float* values = batch.row(begin).dense.data();
      bins_.count({values, rows, columns(), batch.row_stride()}, learning() ? reference_ : filling_);
      if (!learning()) rows_ += rows;
    } else {
      hold({batch.row(begin).dense.data(), rows, columns(), batch.row_stride()});
    }
    begin += rows;
    if (until_full() == 0) strongest = std::max(strongest, advance());
  }
  return strongest;
}

Change DriftMonitor::update(const ColumnCounts& counts) {
  require("DriftMonitor", "reference", reference_.rows(), !learning(), "learned before counts are added");
  require("DriftMonitor", "rows", filling_.rows() + counts.rows() + held_,
          filling_.rows() + counts.rows() + held_ <= ColumnCounts::most_rows, "at most 2^32 - 1 in a window");
  filling_.merge(counts);
  rows_ += counts.rows();
  return filling_.rows() + held_ >= options_.window ? advance() : Change::none;
}

void DriftMonitor::learn_reference(const Batch& batch) {
  require("DriftMonitor", "columns", batch.dense_size(), batch.dense_size() >= columns(), "those of the schema, or more");
  const std::size_t least = options_.edge_rows + 10 * options_.columns.bins;
  require("DriftMonitor", "reference rows", batch.size(), batch.size() >= least && batch.size() <= most_rows,
          "at least edge_rows and 10 more a bin");
  const std::size_t counted = batch.size() - options_.edge_rows;
  require("DriftMonitor", "reference rows", batch.size(), options_.budget.least_effect > noise(counted),
          "enough for the budget's least effect: it must be above 1.36 / sqrt(rows)");
  relearn();
  if (columns() == 0) return;
  hold({batch.row(0).dense.data(), options_.edge_rows, columns(), batch.row_stride()});
  advance();
  bins_.count({batch.row(options_.edge_rows).dense.data(), counted, columns(), batch.row_stride()}, reference_);
  has_reference_ = true;
}

void DriftMonitor::relearn() noexcept {
  bins_.forget();
  begin_counts();
  rows_ = windows_ = held_ = 0;
  has_reference_ = false;
  std::fill(drifted_.begin(), drifted_.end(), std::uint8_t{0});
  alarm_count_ = 0;
}

void DriftMonitor::begin_counts() noexcept {
  for (ColumnCounts* counts : {&reference_, &filling_, &last_}) bins_.begin(*counts);
  for (Longer& longer : longer_) {
    bins_.begin(longer.counts);
    longer.windows = 0;
  }
}

void DriftMonitor::hold(const Batch& rows) noexcept {
  for (std::size_t row = 0; row < rows.size(); ++row, ++held_)
    std::copy_n(rows.row(row).dense.data(), columns(), held_rows_.data() + held_ * columns());
}

void DriftMonitor::count_held() noexcept {
  bins_.count(held(), learning() ? reference_ : filling_);
  if (!learning()) rows_ += held_;
  held_ = 0;
}

/// What was waited for is full.
Change DriftMonitor::advance() noexcept {
  if (!bins_.learned()) {
    bins_.learn(held_rows_.data(), held_, columns(), scratch_);
    held_ = 0;
    begin_counts();
    return Change::none;
  }
  count_held();
  if (learning()) {
    has_reference_ = true;
    return Change::none;
  }
  return close_window();
}

Change DriftMonitor::close_window() noexcept {
  alarm_count_ = 0;
  ++windows_;
  std::swap(last_, filling_);
  filling_.clear();
  bool alarmed = judge(last_, 0);
  for (std::size_t i = 0; i < longer_.size(); ++i) {
    auto& [counts, windows] = longer_[i];
    const bool fits = counts.rows() + last_.rows() <= ColumnCounts::most_rows;  // not when parts of many rows are added
    if (fits) {
      counts.add(last_);
      if (++windows < windows_of(i + 1)) continue;
    }
    alarmed |= judge(counts, i + 1);
    counts.clear();
    windows = 0;
    if (!fits) counts.add(last_), windows = 1;
  }
  return alarmed ? Change::drift : Change::none;
}

bool DriftMonitor::judge(const ColumnCounts& window, std::size_t scale) noexcept {
  const Budget& budget = options_.budget;
  const double level = std::min(1.0, static_cast<double>(window.rows()) * budget.false_alarms / static_cast<double>(options_.scales));
  const auto bit = static_cast<std::uint8_t>(1U << scale);
  for (std::uint8_t& scales : drifted_) scales = static_cast<std::uint8_t>(scales & ~bit);

  // A p-value is worked out only where it may be as small as the level: that of a count is hardly ever below exp(-z^2), and is not where
  // many are expected. Leaving one out costs power at most.
  const Comparison compared(bins_, reference_, window);
  double farthest = 0.0;
  for (std::size_t column = 0; column < columns(); ++column) {
    Candidate& best = candidates_[column] = {};
    for (std::size_t split = 0; split < bins_.splits(column); ++split) {
      if (compared.gap(column, split) <= budget.least_effect) continue;
      const double z = compared.z_square(column, split);
      if (z > best.z_square) best = {split, z};
    }
    farthest = std::max(farthest, best.z_square);
  }
  // Holm and Bonferroni reject nothing unless they reject the first at its own level; the others step up.
  const bool steps_up = budget.multiplicity == Multiplicity::bh || budget.multiplicity == Multiplicity::e_bh;
  if (farthest <= -std::log(steps_up ? level : level / static_cast<double>(columns()))) return false;

  for (std::size_t column = 0; column < columns(); ++column)
    p_values_[column] = candidates_[column].z_square > -std::log(level) ? compared.p_value(column, candidates_[column].split) : 1.0;
  adjust(budget.multiplicity, p_values_, adjusted_, order_);
  bool alarmed = false;
  for (std::size_t column = 0; column < columns(); ++column) {
    if (adjusted_[column] > level || candidates_[column].z_square <= 0.0) continue;
    alarmed = true;
    drifted_[column] = static_cast<std::uint8_t>(drifted_[column] | bit);
    const std::size_t split = candidates_[column].split;
    alarms_[alarm_count_++] = {column, scale, split, compared.gap(column, split), p_values_[column], adjusted_[column], window.rows()};
  }
  return alarmed;
}

std::size_t DriftMonitor::drifted() const noexcept {
  return static_cast<std::size_t>(std::count_if(drifted_.begin(), drifted_.end(), [](std::uint8_t scales) { return scales != 0; }));
}

double DriftMonitor::effect(std::size_t column) const noexcept {
  if (!ready()) return std::numeric_limits<double>::quiet_NaN();
  const Comparison compared(bins_, reference_, last_);
  double largest = 0.0;
  for (std::size_t split = 0; split < bins_.splits(column); ++split) largest = std::max(largest, compared.gap(column, split));
  return largest;
}

DriftMonitor::Shift DriftMonitor::shift(std::size_t column) const noexcept {
  if (!ready()) return {};
  const Comparison compared(bins_, reference_, last_);
  Shift shift{0.0, 0, 1.0};
  Candidate best;
  for (std::size_t split = 0; split < bins_.splits(column); ++split) {
    const double gap = compared.gap(column, split);
    if (gap > shift.effect) shift.effect = gap, shift.split = split;
    const double z = compared.z_square(column, split);
    if (z > best.z_square) best = {split, z};
  }
  shift.p_value = compared.p_value(column, best.split);
  return shift;
}

TwoSample DriftMonitor::compare(Distance distance, std::size_t column) const noexcept {
  if (!ready()) return {};
  Histogram before;
  Histogram now;
  std::span<const std::uint64_t> reference = bins_.histogram(reference_, column, before);
  std::span<const std::uint64_t> current = bins_.histogram(last_, column, now);
  const bool nominal = bins_.is_nominal(column);
  // Missing and other categories have a bin in the distance only where there are any, as in the distances of samples.
  for (int unused = nominal ? 2 : 1; unused > 0 && reference.size() > 1 && reference.back() == 0 && current.back() == 0; --unused) {
    reference = reference.first(reference.size() - 1);
    current = current.first(current.size() - 1);
  }
  if (distance == Distance::psi) return drift::psi(reference, current);
  if (distance == Distance::js) return jensen_shannon(reference, current);

  const auto n = static_cast<double>(reference_.rows());
  const auto m = static_cast<double>(last_.rows());
  double gap = 0.0;
  double largest = 0.0;
  double apart = 0.0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double step = static_cast<double>(reference[i]) * m - static_cast<double>(current[i]) * n;
    gap += step;
    largest = std::max(largest, std::abs(gap));
    apart += std::abs(step);
  }
  if (nominal) {
    const double variation = 0.5 * apart / (n * m);
    return {variation, drift::psi(reference, current).p_value, variation};
  }
  const double statistic = largest / (n * m);
  return {statistic, stats::kolmogorov_sf(std::sqrt(n * m / (n + m)) * statistic), statistic};
}

DriftMonitor::Largest DriftMonitor::largest(Distance distance) const noexcept {
  Largest found;
  if (!ready()) return found;
  for (std::size_t column = 0; column < columns(); ++column) {
    const double value = compare(distance, column).statistic;
    if (column == 0 || value > found.value) found = {column, value};
  }
  return found;
}

std::size_t DriftMonitor::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) - sizeof(bins_) + bins_.memory_bytes() + drifted_.capacity() + held_rows_.capacity() * sizeof(float) +
                      alarms_.capacity() * sizeof(Alarm) + scratch_.memory_bytes() + candidates_.capacity() * sizeof(Candidate) +
                      (p_values_.capacity() + adjusted_.capacity()) * sizeof(double) + order_.capacity() * sizeof(std::uint32_t);
  for (const ColumnCounts* counts : {&reference_, &filling_, &last_}) bytes += counts->memory_bytes() - sizeof(*counts);
  for (const Longer& longer : longer_) bytes += sizeof(Longer) - sizeof(ColumnCounts) + longer.counts.memory_bytes();
  return bytes;
}

bool DriftMonitor::has_options(const Options& options) const noexcept {
  return options.edge_rows == options_.edge_rows && options.reference == options_.reference && options.window == options_.window &&
         options.scales == options_.scales && options.budget.false_alarms == options_.budget.false_alarms &&
         options.budget.least_effect == options_.budget.least_effect && options.budget.multiplicity == options_.budget.multiplicity;
}

bool DriftMonitor::counts_are_valid() const noexcept {
  if (!bins_.learned()) return windows_ == 0 && !has_reference_ && reference_.rows() == 0 && filling_.rows() == 0 && last_.rows() == 0;
  if (has_reference_ && reference_.rows() == 0) return false;
  if ((windows_ == 0) != (last_.rows() == 0)) return false;
  if (have() >= wanted() || (learning() && (filling_.rows() != 0 || last_.rows() != 0))) return false;
  for (const ColumnCounts* counts : {&reference_, &filling_, &last_})
    if (!bins_.allows(*counts)) return false;
  for (std::size_t i = 0; i < longer_.size(); ++i)
    if (!bins_.allows(longer_[i].counts) || longer_[i].windows >= windows_of(i + 1) || (learning() && longer_[i].windows != 0))
      return false;
  return true;
}

}  // namespace rtml::drift
