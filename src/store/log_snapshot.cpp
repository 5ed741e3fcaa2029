#include "rtml/store/log_snapshot.hpp"

#include <algorithm>

#include "encoding.hpp"
#include "log_block.hpp"
#include "log_state.hpp"
#include "rtml/core/error.hpp"

namespace rtml::store {

namespace {

/// The offset of the block where the cursor is.
std::uint64_t first_of(const Database::Cursor& blocks) {
  if (blocks.key().size() != NumberKey::size) raise(FormatError("event log: a block's key is no offset"));
  return NumberKey::number(blocks.key().first<NumberKey::size>());
}

LogBlockHead head_of(const Database::Cursor& blocks) {
  Bytes row = blocks.value();
  return take_head(first_of(blocks), row);
}

}  // namespace

LogSnapshot EventLog::snapshot() const {
  Database::Snapshot view = state_->database.snapshot();
  const LogExtent extent = read_extent(view, state_->meta);
  return {std::move(view), state_->blocks, extent.begin, extent.end};
}

LogSnapshot EventLog::snapshot(std::uint64_t as_of) const {
  Database::Snapshot view = state_->database.snapshot();
  const LogExtent extent = read_extent(view, state_->meta);
  const std::uint64_t first = std::max(extent.begin, extent.compacted);
  require("EventLog", "as_of", as_of, as_of >= first && as_of <= extent.end,
          "in [" + to_text(first) + ", " + to_text(extent.end) + "], what is there");
  return {std::move(view), state_->blocks, extent.begin, as_of};
}

LogSnapshot::Reader LogSnapshot::read(std::uint64_t from, std::uint64_t to) const {
  return {view_.cursor(*blocks_), std::max(from, begin_), std::min(to, end_)};
}

std::uint64_t LogSnapshot::offset_at(Time at) const {
  const std::int64_t time = to_unix_micros(at);
  Database::Cursor blocks = view_.cursor(*blocks_);
  // `highest` never falls from block to block: where it reaches the time, the record is in that block or behind.
  std::uint64_t low = begin_;
  std::uint64_t high = end_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (blocks.seek_last(NumberKey(middle)) && head_of(blocks).highest >= time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  bool there = low < end_ && blocks.seek_last(NumberKey(low));
  while (there && head_of(blocks).latest < time) there = blocks.next();
  if (!there) return end_;
  Reader reader = read(std::max(low, first_of(blocks)), end_);
  LogEntry entry;
  while (reader.next(entry))
    if (entry.record.at >= at) return entry.offset;
  return end_;
}

LogSnapshot::Reader::Reader(Database::Cursor blocks, std::uint64_t from, std::uint64_t to)
    : blocks_(std::move(blocks)), next_(from), to_(to) {}

bool LogSnapshot::Reader::next(LogEntry& entry) {
  for (;;) {
    if (next_ >= to_) return false;
    if (left_.empty() && !enter()) return false;
    entry = take_record(first_, left_);
    if (entry.offset < next_) continue;
    next_ = entry.offset + 1;
    return entry.offset < to_;
  }
}

/// The block of `next_`, then those behind it.
bool LogSnapshot::Reader::enter() {
  const NumberKey key(next_);
  const bool there = inside_ ? blocks_.next() : blocks_.seek_last(key) || blocks_.seek(key);
  inside_ = true;
  if (!there) return false;
  first_ = first_of(blocks_);
  if (first_ >= to_) return false;
  left_ = blocks_.value();
  take_head(first_, left_);
  return true;
}

}  // namespace rtml::store
