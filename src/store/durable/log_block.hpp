#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "encoding.hpp"
#include "rtml/store/log_record.hpp"

namespace rtml::detail {

/// Records that lie in one row of the database, whose key is the offset of the first. docs/format.md has the layout.
class LogBlock {
 public:
  static constexpr std::size_t header_size = 12;
  static constexpr std::size_t record_header_size = 36;

  /// What a block is closed at: with its checksum and LMDB's header it fills 16 pages.
  static constexpr std::size_t target_bytes = (std::size_t{1} << 16U) - 16 - 8;

  static std::size_t stored_size(const LogRecord& record) noexcept { return record_header_size + record.key.size() + record.bytes.size(); }

  /// Empties it; keeps its memory.
  void begin(std::uint64_t first) noexcept;

  /// `offset` is not below the last one's. Allocates only for what is longer than the target.
  void add(std::uint64_t offset, const LogRecord& record);

  /// Whether a record should go into the next block.
  bool is_full_for(std::uint64_t offset, const LogRecord& record) const noexcept {
    return !empty() && (used_ + stored_size(record) > target_bytes || offset - first_ > std::numeric_limits<std::uint32_t>::max());
  }

  bool empty() const noexcept { return used_ == header_size; }
  std::uint64_t first() const noexcept { return first_; }
  std::int64_t latest() const noexcept { return latest_; }
  std::size_t size() const noexcept { return used_; }
  std::size_t memory_bytes() const noexcept { return bytes_.capacity(); }

  /// The row. `highest` is the latest time of this block and all before it.
  Bytes finish(std::int64_t highest) noexcept;

 private:
  std::vector<std::byte> bytes_;
  std::size_t used_ = header_size;
  std::uint64_t first_ = 0;
  std::int64_t latest_ = std::numeric_limits<std::int64_t>::min();
};

/// Takes the head off `row`, and gives its `highest`. @throws FormatError that names the block by `first`.
std::int64_t take_head(std::uint64_t first, Bytes& row);

/// Takes the next record off `rest`. @throws FormatError.
LogEntry take_record(std::uint64_t first, Bytes& rest);

}  // namespace rtml::detail
