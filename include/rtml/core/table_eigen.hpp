#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "rtml/core/batch_eigen.hpp"
#include "rtml/core/table.hpp"

namespace rtml {

/// Borrows a matrix [n, names.size()] of any scalar, order and strides. Does not copy; `matrix` must outlive the table.
/// @throws ConfigError unless it has a column a name
template <EigenBlock M>
Table table_of(const M& matrix, std::span<const std::string> names) {
  const auto columns = static_cast<std::size_t>(matrix.cols());
  require("Table", "names", names.size(), names.size() == columns, "one a column, " + to_text(columns));
  return table_of(matrix.data(), static_cast<std::size_t>(matrix.rows()), names, matrix.rowStride(), matrix.colStride());
}

/// A temporary would be gone before the table is used.
template <EigenBlock M>
Table table_of(const M&& matrix, std::span<const std::string> names) = delete;

}  // namespace rtml
