#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "rtml/core/batch_xtensor.hpp"
#include "rtml/core/table.hpp"

namespace rtml {

/// Values in memory at strides: containers, adaptors, and views of them. A lazy function is none: evaluate it into a container first.
template <class E>
concept StridedXtensor = XtensorBlock<E> && requires(const E& block) {
  block.data() + block.data_offset();
  block.strides()[0];
};

/// Borrows a block [n, names.size()] of any numbers, order and strides. Does not copy; `block` must outlive the table.
/// @throws ConfigError unless it has two axes and a column a name
template <StridedXtensor E>
Table table_of(const E& block, std::span<const std::string> names) {
  detail::require_two_axes(block);
  const auto columns = static_cast<std::size_t>(block.shape()[1]);
  require("Table", "names", names.size(), names.size() == columns, "one a column, " + to_text(columns));
  // xtensor gives an axis of one element the stride 0, which is as good as any.
  return table_of(block.data() + block.data_offset(), static_cast<std::size_t>(block.shape()[0]), names,
                  static_cast<std::ptrdiff_t>(block.strides()[0]), static_cast<std::ptrdiff_t>(block.strides()[1]));
}

/// A temporary would be gone before the table is used.
template <XtensorBlock E>
Table table_of(const E&& block, std::span<const std::string> names) = delete;

/// The dense block of a batch as xtensor sees it, [n, d]: borrowed, valid while the batch is. @throws ConfigError when its rows have gaps
inline auto xtensor_of(const Batch& batch) {
  require("xtensor_of", "row_stride", batch.row_stride(), batch.row_stride() == static_cast<std::ptrdiff_t>(batch.dense_size()),
          "the columns, " + to_text(batch.dense_size()));
  const float* const first = batch.empty() ? nullptr : batch.row(0).dense.data();
  return xt::adapt(first, batch.size() * batch.dense_size(), xt::no_ownership(),
                   std::array<std::size_t, 2>{batch.size(), batch.dense_size()});
}

}  // namespace rtml
