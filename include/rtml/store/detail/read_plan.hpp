#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "rtml/store/detail/row_layout.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/value.hpp"

namespace rtml::detail {

/// How some columns of a view's row become T, worked out once: neighbours of one type are copied together. Serves the store and the history,
/// so that both give the same values and statuses.
template <ReadValue T>
class ReadPlan {
 public:
  /// @throws SchemaError, ConfigError as FeatureView::find_readable
  ReadPlan(const FeatureView& view, std::span<const std::string> names)
      : layout_(view.layout()), columns_(view.find_readable(names, value_type_of<T>)) {
    for (const std::size_t column : columns_) {
      const RowLayout::Cell cell = layout_.cells()[column];
      if (!runs_.empty() && runs_.back().type == cell.type &&
          runs_.back().offset + runs_.back().count * size_of(cell.type) == cell.offset) {
        ++runs_.back().count;
      } else {
        runs_.push_back({cell.type, cell.offset, 1});
      }
    }
  }

  std::size_t size() const noexcept { return columns_.size(); }

  /// Fills out and status [size()] from the cells of a row.
  void read(const std::uint64_t* cells, T* out, ValueStatus* status) const noexcept {
    T* at = out;
    for (const Run& run : runs_) {
      copy(reinterpret_cast<const char*>(cells) + run.offset, run, at);
      at += run.count;
    }
    std::fill_n(status, columns_.size(), ValueStatus::present);
    if (!layout_.has_nulls(cells)) return;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!RowLayout::is_null(cells, columns_[i])) continue;
      out[i] = no_value<T>;
      status[i] = ValueStatus::null;
    }
  }

  /// Fills out and status [size()] where there is no row to read.
  void read_nothing(ValueStatus why, T* out, ValueStatus* status) const noexcept {
    std::fill_n(out, columns_.size(), no_value<T>);
    std::fill_n(status, columns_.size(), why);
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + columns_.capacity() * sizeof(std::size_t) + runs_.capacity() * sizeof(Run) +
           layout_.cells().size() * sizeof(RowLayout::Cell);
  }

 private:
  struct Run {
    ValueType type = ValueType::float32;
    std::uint32_t offset = 0;
    std::uint32_t count = 0;
  };

  static void copy(const char* from, const Run& run, T* out) noexcept {
    if (run.type == value_type_of<T>) {
      std::memcpy(out, from, run.count * sizeof(T));
    } else if (run.type == ValueType::boolean) {
      for (std::uint32_t i = 0; i < run.count; ++i) out[i] = static_cast<T>(from[i]);
    } else {  // float to double: nothing else is lossless
      for (std::uint32_t i = 0; i < run.count; ++i) {
        float value = 0.0F;
        std::memcpy(&value, from + i * sizeof(float), sizeof(float));
        out[i] = static_cast<T>(value);
      }
    }
  }

  RowLayout layout_;
  std::vector<std::size_t> columns_;
  std::vector<Run> runs_;
};

}  // namespace rtml::detail
