#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/database.hpp"
#include "rtml/store/log_record.hpp"

namespace rtml {

/// The records [begin, end) of an EventLog as they were at one moment, while others append. Like a Database::Snapshot it belongs to one
/// thread at a time, holds pages, and must not outlive the database.
class RTML_API LogSnapshot {
 public:
  /// Gives the records of a range one by one, in the order of their offsets. Not to outlive its snapshot.
  class RTML_API Reader {
   public:
    /// False at the end. The entry is valid as long as the snapshot. O(1), but O(block) when it enters another block of some 64 KB.
    /// @throws FormatError when the block is damaged, or records are missing.
    bool next(LogEntry& entry);

   private:
    friend class LogSnapshot;
    Reader(const LogSnapshot& log, std::uint64_t from, std::uint64_t to);
    bool enter();
    void expect(std::uint64_t offset) const;

    Database::Cursor blocks_;
    std::uint64_t next_;
    std::uint64_t to_;
    std::uint64_t whole_from_;
    std::uint64_t log_end_;
    std::uint64_t first_ = 0;          // offset of the block
    std::span<const std::byte> left_;  // of its records
    bool inside_ = false;              // a block was entered
  };

  std::uint64_t begin() const noexcept { return begin_; }
  std::uint64_t end() const noexcept { return end_; }

  Reader read() const { return read(begin_, end_); }

  /// What of [from, to) is there. O(log n).
  Reader read(std::uint64_t from, std::uint64_t to) const;

  /// The offset of the first record, in the order of arrival, whose time is `at` or later; end() when there is none. O(log n) blocks, and
  /// the records after it that are before the time where compaction removed what was not.
  std::uint64_t offset_at(Time at) const;

 private:
  friend class EventLog;
  LogSnapshot(Database::Snapshot view, const Database::Table& blocks) : view_(std::move(view)), blocks_(&blocks) {}

  Database::Snapshot view_;
  const Database::Table* blocks_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t whole_from_ = 0;  // before it keep_latest_before left gaps
  std::uint64_t log_end_ = 0;     // the log may go on behind the end
};

}  // namespace rtml
