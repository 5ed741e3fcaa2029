#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/transform/detail/binding.hpp"

namespace rtml::detail {

using GoldenColumns = std::vector<std::vector<std::string>>;  // [columns][events]

inline std::string golden_text(float value) { return is_nan(value) ? "nan" : to_text(value); }

/// Writes down what one feature gave for an event, in its `columns`: the value of a dense one, index:value of what a hashed one gave. What
/// transforms with statistics saw stands behind it: as long as they have seen little, they hide it.
inline void write_golden(const Cursor& before, const Cursor& after, std::span<const Column> columns,
                         std::span<std::vector<std::string>> golden) {
  const float* dense = before.dense;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::string text;
    if (columns[c].kind == Column::Kind::hashed) {
      for (const SparseFeature* feature = before.sparse; feature != after.sparse; ++feature)
        text.append(text.empty() ? "" : ",").append(to_text(feature->index)).append(":").append(golden_text(feature->value));
    } else {
      text = golden_text(*dense++);
    }
    golden[c].push_back(std::move(text));
  }
  std::string seen;
  const auto add = [&](const float* from, const float* to) {
    for (; from != to; ++from)
      if (!is_nan(*from)) seen.append(seen.empty() ? " of " : ",").append(golden_text(*from));
  };
  add(before.fit_input, after.fit_input);
  add(before.rank_input, after.rank_input);
  add(before.table_input, after.table_input);
  if (!columns.empty()) golden[0].back() += seen;
}

}  // namespace rtml::detail
