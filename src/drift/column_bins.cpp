#include "rtml/drift/column_bins.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "count_kernels.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/stats/quantile_bins.hpp"

namespace rtml::drift {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr std::size_t most_bins = 64;
constexpr std::size_t line = 16;          // floats
constexpr std::size_t rows_at_once = 32;  // their lines stay in the first cache while each column passes over them

/// The largest float that is not above `edge`: for floats, x > edge and x > round_down(edge) are the same.
float round_down(double edge) noexcept {
  const auto near = static_cast<float>(edge);
  return static_cast<double>(near) > edge ? std::nextafter(near, -infinity) : near;
}

template <class T>
std::uint64_t hash_values(const std::vector<T>& values, std::uint64_t seed) noexcept {
  return hash_bytes({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}, seed);
}

}  // namespace

ColumnBins::ColumnBins(const Schema& schema, const Options& options)
    : options_(options), schema_(schema.fingerprint()), columns_(schema.dense_size()) {
  require("ColumnBins", "bins", options.bins, options.bins >= 2 && options.bins <= most_bins, "in [2, 64]");
  require("ColumnBins", "categories", options.categories, options.categories >= 1 && options.categories <= 128, "in [1, 128]");
  padded_ = (columns_ + line - 1) / line * line;
  nominal_of_.assign(columns_, numeric);
  for (std::size_t place = 0; place < columns_; ++place) {
    if (schema.dense(place).kind != Column::Kind::nominal) continue;
    nominal_of_[place] = static_cast<std::uint32_t>(nominal_.size());
    nominal_.push_back(static_cast<std::uint32_t>(place));
  }
  bins_.assign(columns_, 0);
  edges_.assign((options.bins - 1) * padded_, infinity);
  categories_.assign(nominal_.size() * options.categories, 0.0F);
}

void ColumnBins::learn(const float* values, std::size_t rows, std::size_t stride, Scratch& scratch) noexcept {
  std::fill(edges_.begin(), edges_.end(), infinity);
  for (std::size_t column = 0; column < columns_; ++column) {
    std::size_t count = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const float value = values[row * stride + column];
      if (is_finite(value)) scratch.sorted_[count++] = value;
    }
    const auto sorted = std::span(scratch.sorted_).first(count);
    std::sort(sorted.begin(), sorted.end());
    if (is_nominal(column)) {
      learn_nominal(column, sorted, scratch);
    } else {
      learn_numeric(column, sorted);
    }
  }
  fingerprint_ = find_fingerprint();
}

void ColumnBins::learn_numeric(std::size_t column, std::span<const float> sorted) noexcept {
  std::size_t count = 0;
  const auto edge_at = [&](std::size_t k) -> float& { return edges_[k * padded_ + column]; };
  bool repeated = false;
  for (std::size_t k = 1; k < options_.bins && !sorted.empty(); ++k) {
    const float edge = round_down(stats::quantile_of_sorted(sorted, static_cast<double>(k) / static_cast<double>(options_.bins)));
    if (count == 0 || edge > edge_at(count - 1)) {
      edge_at(count++) = edge;
      repeated = false;
      continue;
    }
    // A value that is several quantiles gets a bin of its own, or nothing that moves from it to below would be seen. The place for one more
    // edge is that of the quantile that fell away.
    if (std::exchange(repeated, true)) continue;
    const float below = std::nextafter(edge, -infinity);
    if (!is_finite(below) || (count >= 2 && edge_at(count - 2) >= below)) continue;
    edge_at(count - 1) = below;
    edge_at(count++) = edge;
  }
  bins_[column] = static_cast<std::uint8_t>(count + 2);
}

void ColumnBins::learn_nominal(std::size_t column, std::span<const float> sorted, Scratch& scratch) noexcept {
  std::size_t distinct = 0;
  for (const float value : sorted) {
    if (distinct == 0 || scratch.found_[distinct - 1].value != value) scratch.found_[distinct++] = {value, 0};
    ++scratch.found_[distinct - 1].count;
  }
  const auto found = std::span(scratch.found_).first(distinct);
  const std::size_t own = std::min(found.size(), options_.categories);
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(own), found.end(),
                    [](const auto& a, const auto& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
  float* known = categories_.data() + nominal_of_[column] * options_.categories;
  for (std::size_t i = 0; i < own; ++i) known[i] = found[i].value;
  std::fill(known + own, known + options_.categories, 0.0F);
  std::sort(known, known + own);
  bins_[column] = static_cast<std::uint8_t>(own + 2);
}

std::uint64_t ColumnBins::find_fingerprint() const noexcept {
  const std::uint64_t hash = hash_values(categories_, hash_values(edges_, hash_values(bins_, schema_)));
  return hash == 0 ? 1 : hash;  // 0 is of none
}

void ColumnBins::forget() noexcept {
  fingerprint_ = 0;
  std::fill(bins_.begin(), bins_.end(), std::uint8_t{0});
}

void ColumnBins::begin(ColumnCounts& counts) const noexcept {
  counts.bins_ = fingerprint_;
  counts.clear();
}

ColumnCounts ColumnBins::counts() const {
  ColumnCounts counts;
  counts.bins_ = fingerprint_;
  counts.above_.assign(edges_.size(), 0);
  counts.missing_.assign(padded_, 0);
  counts.categories_.assign(nominal_.size() * category_stride(), 0);
  return counts;
}

void ColumnBins::count(const Batch& batch, ColumnCounts& counts) const noexcept {
  counts.rows_ += batch.size();
  const kernels::EdgeTable table{edges_.data(), options_.bins - 1, columns_, padded_};
  for (std::size_t begin = 0; begin < batch.size(); begin += rows_at_once) {
    const std::size_t rows = std::min(rows_at_once, batch.size() - begin);
    const float* values = batch.row(begin).dense.data();
    kernels::count_above(table, values, rows, batch.row_stride(), counts.above_.data(), counts.missing_.data());
    for (std::size_t nominal = 0; nominal < nominal_.size(); ++nominal) {
      const std::size_t column = nominal_[nominal];
      std::uint32_t* const counted = counts.categories_.data() + nominal * category_stride();
      for (std::size_t row = 0; row < rows; ++row)
        ++counted[category_bin(nominal, bins_[column] - 2U, batch.row(begin + row).dense[column])];
    }
  }
}

std::size_t ColumnBins::category_bin(std::size_t nominal, std::size_t own, float value) const noexcept {
  if (is_nan(value)) return own + 1;
  const float* known = categories_.data() + nominal * options_.categories;
  const auto at = static_cast<std::size_t>(std::lower_bound(known, known + own, value) - known);
  return at < own && known[at] == value ? at : own;
}

std::span<float> ColumnBins::edges(std::size_t column, std::span<float> edges) const noexcept {
  const std::size_t count = is_nominal(column) || bins_[column] < 2 ? 0 : bins_[column] - 2U;
  for (std::size_t k = 0; k < count; ++k) edges[k] = edges_[k * padded_ + column];
  return edges.first(count);
}

std::span<const float> ColumnBins::categories(std::size_t column) const noexcept {
  if (!is_nominal(column) || bins_[column] < 2) return {};
  return std::span(categories_).subspan(nominal_of_[column] * options_.categories, bins_[column] - 2U);
}

std::span<std::uint64_t> ColumnBins::histogram(const ColumnCounts& counts, std::size_t column,
                                               std::span<std::uint64_t> into) const noexcept {
  const std::size_t bins = bins_[column];
  if (is_nominal(column)) {
    for (std::size_t i = 0; i < bins; ++i) into[i] = on_side(counts, column, i);
    return into.first(bins);
  }
  std::uint64_t beyond = counts.rows_;  // rows in this bin or a later one, missing ones included
  for (std::size_t i = 0; i + 1 < bins; ++i) {
    const std::uint64_t later = on_side(counts, column, i);
    into[i] = beyond - later;
    beyond = later;
  }
  if (bins > 0) into[bins - 1] = beyond;
  return into.first(bins);
}

std::size_t ColumnBins::memory_bytes() const noexcept {
  return sizeof(*this) + (nominal_of_.capacity() + nominal_.capacity()) * sizeof(std::uint32_t) + bins_.capacity() +
         (edges_.capacity() + categories_.capacity()) * sizeof(float);
}

bool ColumnBins::is_valid() const noexcept {
  if (fingerprint_ == 0) return std::all_of(bins_.begin(), bins_.end(), [](std::uint8_t bins) { return bins == 0; });
  for (std::size_t column = 0; column < padded_; ++column) {
    const bool nominal = column < columns_ && is_nominal(column);
    const std::size_t bins = column < columns_ ? bins_[column] : 2;
    if (bins < 2 || bins > (nominal ? category_stride() : options_.bins + 1)) return false;
    for (std::size_t k = 0; k + 1 < options_.bins; ++k) {
      const float edge = edges_[k * padded_ + column];
      if (nominal || k + 2 >= bins ? edge != infinity : !is_finite(edge) || (k > 0 && edge < edges_[(k - 1) * padded_ + column]))
        return false;
    }
    if (!nominal) continue;
    const auto known = categories(column);
    for (std::size_t i = 0; i < known.size(); ++i)
      if (!is_finite(known[i]) || (i > 0 && known[i] <= known[i - 1])) return false;
  }
  return fingerprint_ == find_fingerprint();
}

bool ColumnBins::allows(const ColumnCounts& counts) const noexcept {
  for (std::size_t column = 0; column < columns_; ++column) {
    std::uint64_t sum = 0;
    std::uint64_t before = counts.rows();
    for (std::size_t split = 0; split < splits(column); ++split) {
      const std::uint64_t here = on_side(counts, column, split);
      if (is_nominal(column) ? (sum += here) > counts.rows() : here > before) return false;
      before = here;
    }
    if (is_nominal(column) && sum != counts.rows()) return false;
  }
  return true;
}

}  // namespace rtml::drift
