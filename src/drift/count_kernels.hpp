#pragma once

#include <cstddef>
#include <cstdint>

namespace rtml::drift::kernels {

/// Rows whose columns are compared with ascending edges: `above[k padded + c]` grows by how many of the values in column c are greater
/// than `edges[k padded + c]`, `missing[c]` by how many are NaN. The same integers on every processor.
struct EdgeTable {
  const float* edges;      // [edge_count, padded]
  std::size_t edge_count;  // >= 1
  std::size_t columns;
  std::size_t padded;  // columns, rounded up to lines of 16 floats
};

/// `count` rows that lie `stride` floats apart. Reads no value beyond the last row's columns.
void count_above(const EdgeTable& table, const float* rows, std::size_t count, std::ptrdiff_t stride, std::uint32_t* above,
                 std::uint32_t* missing) noexcept;

}  // namespace rtml::drift::kernels
