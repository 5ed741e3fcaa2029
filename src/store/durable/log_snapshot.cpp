#include "rtml/store/log_snapshot.hpp"

#include <algorithm>

#include "encoding.hpp"
#include "log_block.hpp"
#include "log_state.hpp"
#include "rtml/core/error.hpp"

namespace rtml {

using detail::Bytes;
using detail::LogExtent;
using detail::NumberKey;

namespace {

/// The offset of the block where the cursor is.
std::uint64_t first_of(const Database::Cursor& blocks) {
  if (blocks.key().size() != NumberKey::size) raise(FormatError("event log: a block's key is no offset"));
  return NumberKey::number(blocks.key().first<NumberKey::size>());
}

std::int64_t highest_of(const Database::Cursor& blocks) {
  Bytes row = blocks.value();
  return detail::take_head(first_of(blocks), row);
}

}  // namespace

LogSnapshot EventLog::snapshot() const {
  LogSnapshot log(state_->database.snapshot(), state_->blocks);
  const LogExtent extent = detail::read_extent(log.view_, state_->meta);
  log.begin_ = extent.begin;
  log.end_ = log.log_end_ = extent.end;
  log.whole_from_ = std::max(extent.begin, extent.compacted);
  return log;
}

LogSnapshot EventLog::snapshot(std::uint64_t as_of) const {
  LogSnapshot log = snapshot();
  require("EventLog", "as_of", as_of, as_of >= log.whole_from_ && as_of <= log.end_,
          "in [" + to_text(log.whole_from_) + ", " + to_text(log.end_) + "], what is there");
  log.end_ = as_of;
  return log;
}

LogSnapshot::Reader LogSnapshot::read(std::uint64_t from, std::uint64_t to) const {
  return {*this, std::max(from, begin_), std::min(to, end_)};
}

std::uint64_t LogSnapshot::offset_at(Time at) const {
  const std::int64_t time = to_unix_micros(at);
  Database::Cursor blocks = view_.cursor(*blocks_);
  // `highest` never falls from block to block: where it reaches the time, the record is in that block or behind.
  std::uint64_t low = begin_;
  std::uint64_t high = end_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (blocks.seek_last(NumberKey(middle)) && highest_of(blocks) >= time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  Reader reader = read(low, end_);
  LogEntry entry;
  while (reader.next(entry))
    if (entry.record.at >= at) return entry.offset;
  return end_;
}

LogSnapshot::Reader::Reader(const LogSnapshot& log, std::uint64_t from, std::uint64_t to)
    : blocks_(log.view_.cursor(*log.blocks_)), next_(from), to_(to), whole_from_(log.whole_from_), log_end_(log.log_end_) {}

bool LogSnapshot::Reader::next(LogEntry& entry) {
  while (next_ < to_) {
    if (left_.empty() && !enter()) {
      expect(to_);
      return false;
    }
    entry = detail::take_record(first_, left_);
    if (entry.offset < next_) continue;  // before `from`, in its block
    expect(std::min(entry.offset, to_));
    next_ = entry.offset + 1;
    return entry.offset < to_;
  }
  return false;
}

/// That nothing is missing before `offset`, where compaction left no gaps.
void LogSnapshot::Reader::expect(std::uint64_t offset) const {
  const std::uint64_t from = std::max(next_, whole_from_);
  if (from < offset)
    raise(FormatError("event log: the records from offset " + to_text(from) + " to " + to_text(offset - 1) + " are missing"));
}

/// The block of `next_`, then those behind it.
bool LogSnapshot::Reader::enter() {
  const NumberKey key(next_);
  const bool there = inside_ ? blocks_.next() : blocks_.seek_last(key) || blocks_.seek(key);
  inside_ = true;
  if (!there) return false;
  first_ = first_of(blocks_);
  if (first_ >= log_end_) raise(FormatError("event log: a block begins at offset " + to_text(first_) + ", behind the end"));
  if (first_ >= to_) return false;
  left_ = blocks_.value();
  detail::take_head(first_, left_);
  return true;
}

}  // namespace rtml
