#pragma once

#include <Eigen/Core>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include "rtml/core/batch.hpp"

namespace rtml {

/// Values that lie in memory: Eigen::Matrix, Array, Map, Ref, Block. An expression (2 * m) is none: evaluate it into a matrix first.
template <class M>
concept EigenBlock =
    std::derived_from<M, Eigen::DenseBase<M>> &&(M::Flags& Eigen::DirectAccessBit) != 0 && std::is_arithmetic_v<typename M::Scalar>;

/// What a Batch can borrow: float, row-major, unit stride along a row. Everything else goes through gather().
template <class M>
concept RowMajorFloatEigen = EigenBlock<M> && std::same_as<typename M::Scalar, float> && bool(M::IsRowMajor) && M::InnerStrideAtCompileTime
                                                                                                                    == 1;

/// Borrows a matrix [n, d], or a row vector as one row. Does not copy; `matrix` must outlive the batch.
/// Does not compile for a matrix that would have to be copied, which gather() does.
template <RowMajorFloatEigen M>
Batch batch_of(const M& matrix) {
  return Batch(matrix.data(), static_cast<std::size_t>(matrix.rows()), static_cast<std::size_t>(matrix.cols()), matrix.outerStride());
}

/// A temporary would be gone before the batch is used.
template <EigenBlock M>
Batch batch_of(const M&&) = delete;

/// Copies a matrix of any scalar, order and strides into `buffer`. O(n d).
template <EigenBlock M>
Batch gather(const M& matrix, BatchBuffer& buffer) {
  return gather(matrix.data(), static_cast<std::size_t>(matrix.rows()), static_cast<std::size_t>(matrix.cols()), matrix.rowStride(),
                matrix.colStride(), buffer);
}

}  // namespace rtml
