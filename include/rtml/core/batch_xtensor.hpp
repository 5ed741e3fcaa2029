#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

#include "rtml/core/batch.hpp"
#include "rtml/core/xtensor.hpp"

namespace rtml {

/// Any expression of xtensor over numbers: containers, adaptors, views, lazy functions.
template <class E>
concept XtensorBlock = xt::is_xexpression<E>::value && std::is_arithmetic_v<typename E::value_type>;

/// What a Batch can borrow: float values in memory, row-major and without gaps by type. Everything else goes through gather().
template <class E>
concept RowMajorFloatXtensor = XtensorBlock<E> && std::same_as < std::remove_const_t<typename E::value_type>,
float > &&E::static_layout == xt::layout_type::row_major&& E::contiguous_layout&& requires(const E& block) {
  { block.data() } -> std::convertible_to<const float*>;
  { block.data_offset() } -> std::convertible_to<std::size_t>;
};

namespace detail {

template <class E>
void require_two_axes(const E& block) {
  require("Batch", "dimension", block.dimension(), block.dimension() == 2, "2: rows and columns");
}

}  // namespace detail

/// Borrows a block [n, d]: xt::xtensor<float, 2>, xt::adapt of the host's memory. Does not copy; `block` must outlive the batch.
/// Does not compile for a block that would have to be copied (column-major, double, a view with strides), which gather() does.
/// @throws ConfigError when an xt::xarray has other than two axes.
template <RowMajorFloatXtensor E>
Batch batch_of(const E& block) {
  detail::require_two_axes(block);
  return Batch(block.data() + block.data_offset(), static_cast<std::size_t>(block.shape()[0]), static_cast<std::size_t>(block.shape()[1]));
}

/// A temporary would be gone before the batch is used.
template <XtensorBlock E>
Batch batch_of(const E&&) = delete;

/// Evaluates any expression [n, d] into `buffer`. O(n d) evaluations of its elements.
/// @throws ConfigError unless it has two axes.
template <XtensorBlock E>
Batch gather(const E& block, BatchBuffer& buffer) {
  detail::require_two_axes(block);
  const auto rows = static_cast<std::size_t>(block.shape()[0]);
  const auto columns = static_cast<std::size_t>(block.shape()[1]);
  const std::span<float> room = buffer.room(rows, columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) room[i * columns + j] = static_cast<float>(block(i, j));
  return {room.data(), rows, columns};
}

}  // namespace rtml
