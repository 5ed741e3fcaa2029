#include "rtml/drift/distance_monitor.hpp"

#include <cmath>
#include <cstdlib>

#include "rtml/core/error.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/stats/quantile_bins.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr std::size_t most_bins = 64;

/// The largest float that is not above `edge`: for floats, x > edge and x > round_down(edge) are the same.
float round_down(double edge) noexcept {
  const auto near = static_cast<float>(edge);
  return static_cast<double>(near) > edge ? std::nextafter(near, -infinity) : near;
}

bool ascends(std::span<const float> values) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!is_finite(values[i]) || (i > 0 && values[i] <= values[i - 1])) return false;
  return true;
}

}  // namespace

DistanceMonitor::DistanceMonitor(const Schema& schema, const Options& options)
    : options_(options), fingerprint_(schema.fingerprint()), columns_(schema.dense_size()) {
  constexpr std::size_t most_rows = std::size_t{1} << 31U;
  require("DistanceMonitor", "bins", options.bins, options.bins >= 2 && options.bins <= most_bins, "in [2, 64]");
  require("DistanceMonitor", "categories", options.categories, options.categories >= 1 && options.categories <= 128, "in [1, 128]");
  require("DistanceMonitor", "reference", options.reference, options.reference >= 10 * options.bins && options.reference <= most_rows,
          "at least 10 rows a bin and at most 2^31");
  require("DistanceMonitor", "window", options.window, options.window >= 10 * options.bins && options.window <= most_rows,
          "at least 10 rows a bin and at most 2^31: psi of fewer alarms without drift");
  for (std::size_t place = 0; place < columns_; ++place)
    if (schema.dense(place).kind == Column::Kind::nominal) nominal_.push_back(static_cast<std::uint32_t>(place));
  padded_ = (columns_ + lanes - 1) / lanes * lanes;
  stride_ = std::max(options.bins + 1, nominal_.empty() ? 0 : options.categories + 2);
  bins_.resize(columns_);
  edges_.resize((options.bins - 1) * padded_, infinity);
  categories_.resize(nominal_.size() * options.categories);
  reference_.resize(columns_ * stride_);
  current_.resize(columns_ * stride_);
  const std::size_t capacity = std::max(options.reference, options.window);
  rows_.resize(capacity * columns_);
  codes_.resize(options.window * columns_);
  missing_.resize(padded_);
  sorted_.reserve(capacity);
  if (!nominal_.empty()) found_.reserve(capacity);
}

void DistanceMonitor::learn_reference(std::span<const float> rows) {
  const std::size_t count = columns_ == 0 ? 0 : rows.size() / columns_;
  require("DistanceMonitor", "reference size", rows.size(), rows.size() == count * columns_, "a whole number of rows");
  require("DistanceMonitor", "reference rows", count, count >= 10 * options_.bins, "at least 10 a bin");
  require("DistanceMonitor", "reference", "a value", is_usable(Features{rows, {}}), "finite, at most 1e15, or NaN");
  if (rows.size() > rows_.size()) {
    rows_.resize(rows.size());
    sorted_.reserve(count);
    if (!nominal_.empty()) found_.reserve(count);
  }
  std::copy(rows.begin(), rows.end(), rows_.begin());
  learn(count);
}

void DistanceMonitor::learn(std::size_t rows) noexcept {
  std::fill(edges_.begin(), edges_.end(), infinity);
  std::size_t nominal = 0;
  for (std::size_t column = 0; column < columns_; ++column) {
    sorted_.clear();
    for (std::size_t row = 0; row < rows; ++row) {
      const float value = rows_[row * columns_ + column];
      if (!is_nan(value)) sorted_.push_back(value);  // within what was reserved
    }
    std::sort(sorted_.begin(), sorted_.end());
    if (nominal < nominal_.size() && nominal_[nominal] == column) {
      learn_nominal(nominal++);
    } else {
      learn_numeric(column);
    }
    missing_[column] = bins_[column] - 1;
  }
  // The codes of the reference are needed once: its rows pass through the first place of the window.
  std::fill(reference_.begin(), reference_.end(), 0);
  for (std::size_t row = 0; row < rows; ++row) {
    encode(rows_.data() + row * columns_, codes_.data());
    for (std::size_t column = 0; column < columns_; ++column) ++reference_[column * stride_ + codes_[column]];
  }
  std::fill(current_.begin(), current_.end(), 0);
  reference_rows_ = rows;
  next_ = filled_ = 0;
}

void DistanceMonitor::learn_numeric(std::size_t column) noexcept {
  std::array<double, most_bins> edges;
  const std::size_t count = stats::quantile_edges(std::span<const float>(sorted_), options_.bins, edges);
  for (std::size_t k = 0; k < count; ++k) edges_[k * padded_ + column] = round_down(edges[k]);
  bins_[column] = static_cast<std::uint8_t>(count + 2);
}

void DistanceMonitor::learn_nominal(std::size_t nominal) noexcept {
  found_.clear();
  for (const float value : sorted_) {
    if (found_.empty() || found_.back().value != value) found_.push_back({value, 0});
    ++found_.back().count;
  }
  const std::size_t own = std::min(found_.size(), options_.categories);
  std::partial_sort(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(own), found_.end(),
                    [](const Category& a, const Category& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
  float* known = categories_.data() + nominal * options_.categories;
  for (std::size_t i = 0; i < own; ++i) known[i] = found_[i].value;
  std::fill(known + own, known + options_.categories, 0.0F);
  std::sort(known, known + own);
  bins_[nominal_[nominal]] = static_cast<std::uint8_t>(own + 2);
}

TwoSample DistanceMonitor::compare(Distance distance, std::size_t column) const noexcept {
  if (!ready()) return {};
  auto reference = reference_counts(column);
  auto current = current_counts(column);
  const bool nominal = std::find(nominal_.begin(), nominal_.end(), column) != nominal_.end();
  // Missing and other categories have a bin in the distance only where there are any, as in the distances of samples.
  for (int unused = nominal ? 2 : 1; unused > 0 && reference.size() > 1 && reference.back() == 0 && current.back() == 0; --unused) {
    reference = reference.first(reference.size() - 1);
    current = current.first(current.size() - 1);
  }
  if (distance == Distance::psi) return drift::psi(reference, current);
  if (distance == Distance::js) return jensen_shannon(reference, current);

  const auto n = static_cast<double>(reference_rows_);
  const auto m = static_cast<double>(filled_);
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

DistanceMonitor::Largest DistanceMonitor::largest(Distance distance) const noexcept {
  Largest found;
  if (!ready()) return found;
  for (std::size_t column = 0; column < columns_; ++column) {
    const double value = compare(distance, column).statistic;
    if (column == 0 || value > found.value) found = {column, value};
  }
  return found;
}

std::size_t DistanceMonitor::memory_bytes() const noexcept {
  return sizeof(*this) + (nominal_.capacity() + missing_.capacity()) * sizeof(std::uint32_t) + bins_.capacity() + codes_.capacity() +
         (edges_.capacity() + categories_.capacity() + rows_.capacity() + sorted_.capacity()) * sizeof(float) +
         (reference_.capacity() + current_.capacity()) * sizeof(std::uint64_t) + found_.capacity() * sizeof(Category);
}

bool DistanceMonitor::bins_are_valid() const noexcept {
  if (bins_.size() != columns_ || edges_.size() != (options_.bins - 1) * padded_) return false;
  if (categories_.size() != nominal_.size() * options_.categories || reference_.size() != columns_ * stride_) return false;
  if (reference_rows_ == 0) return std::all_of(bins_.begin(), bins_.end(), [](std::uint8_t bins) { return bins == 0; });
  std::size_t nominal = 0;
  for (std::size_t column = 0; column < padded_; ++column) {
    const bool is_nominal = nominal < nominal_.size() && nominal_[nominal] == column;
    const std::size_t bins = column < columns_ ? bins_[column] : 2;
    if (bins < 2 || bins > (is_nominal ? options_.categories + 2 : options_.bins + 1)) return false;
    if (!edges_are_valid(column, is_nominal ? 0 : bins - 2)) return false;
    if (column < columns_ && !counts_are_valid(column)) return false;
    if (is_nominal && !ascends({categories_.data() + nominal++ * options_.categories, bins - 2})) return false;
  }
  return true;
}

bool DistanceMonitor::edges_are_valid(std::size_t column, std::size_t used) const noexcept {
  for (std::size_t k = 0; k + 1 < options_.bins; ++k) {
    const float edge = edges_[k * padded_ + column];
    if (k >= used ? edge != infinity : !is_finite(edge) || (k > 0 && edge < edges_[(k - 1) * padded_ + column])) return false;
  }
  return true;
}

bool DistanceMonitor::counts_are_valid(std::size_t column) const noexcept {
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < stride_; ++i) {
    const std::uint64_t count = reference_[column * stride_ + i];
    if (count > reference_rows_ || (i >= bins_[column] && count != 0)) return false;
    rows += count;
  }
  return rows == reference_rows_;
}

void DistanceMonitor::count_window() noexcept {
  std::fill(current_.begin(), current_.end(), 0);
  for (std::size_t column = 0; column < columns_; ++column) missing_[column] = bins_[column] - 1;
  for (std::size_t row = 0; row < filled_; ++row) {
    std::uint8_t* codes = codes_.data() + row * columns_;
    encode(rows_.data() + row * columns_, codes);
    for (std::size_t column = 0; column < columns_; ++column) ++current_[column * stride_ + codes[column]];
  }
}

}  // namespace rtml::drift
