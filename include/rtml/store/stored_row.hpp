#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rtml/core/time.hpp"

namespace rtml {

/// A row as a store keeps it, for whoever keeps rows elsewhere too. Borrowed: valid during the call.
struct StoredRow {
  std::string_view key;  ///< EntityKey::bytes
  Time event_time{};
  Time available_at{};
  std::span<const std::uint64_t> cells;  ///< as FeatureView::layout says
};

/// What became of a row.
enum class PutResult : std::uint8_t {
  stored,
  late,     ///< all rows that are kept are newer
  ahead,    ///< a time of it lies in the future
  refused,  ///< the key is not valid, a time is before 1970 or 36500 days after it, or the cells are those of no row
  failed,   ///< no memory
};

}  // namespace rtml
