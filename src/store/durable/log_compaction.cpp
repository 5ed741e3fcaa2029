#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>

#include "encoding.hpp"
#include "log_block.hpp"
#include "log_state.hpp"
#include "rtml/core/error.hpp"

namespace rtml {

using detail::Bytes;
using detail::LogBlock;
using detail::LogExtent;
using detail::NumberKey;

namespace {

constexpr std::size_t blocks_a_step = 64;  // some 4 MB: others commit between two steps

using Newest = std::unordered_map<std::string, std::uint64_t>;  // offset of a key's newest record

Newest newest_of_each_key(const LogSnapshot& log, std::uint64_t end) {
  Newest newest;
  LogSnapshot::Reader reader = log.read(log.begin(), end);
  LogEntry entry;
  while (reader.next(entry))
    if (!entry.record.key.empty()) newest[std::string(entry.record.key)] = entry.offset;
  return newest;
}

/// Puts kept records into as few blocks as hold them.
class Rewriting {
 public:
  Rewriting(Database::Transaction& transaction, const Database::Table& blocks) : transaction_(transaction), blocks_(blocks) {}

  void add(const LogEntry& entry, std::int64_t highest) {
    if (open_ && block_.is_full_for(entry.offset, entry.record)) close();
    if (!open_) block_.begin(entry.offset);
    open_ = true;
    block_.add(entry.offset, entry.record);
    highest_ = highest;
  }

  void close() {
    if (open_) transaction_.put(blocks_, NumberKey(block_.first()), block_.finish(highest_));
    open_ = false;
  }

 private:
  Database::Transaction& transaction_;
  const Database::Table& blocks_;
  LogBlock block_;
  bool open_ = false;
  std::int64_t highest_ = LogExtent::no_time;
};

[[noreturn]] void refuse_order(std::uint64_t offset) {
  raise(FormatError("event log: the record at offset " + to_text(offset) + " is out of order"));
}

std::uint64_t offset_of(const Database::Cursor& blocks) {
  if (blocks.key().size() != NumberKey::size) raise(FormatError("event log: a block's key is no offset"));
  return NumberKey::number(blocks.key().first<NumberKey::size>());
}

}  // namespace

void EventLog::drop_before(std::uint64_t offset) {
  State& state = *state_;
  const std::lock_guard alone(state.compaction_mutex);
  require("EventLog", "offset", offset, offset <= durable_end(), "<= " + to_text(durable_end()) + ", what is durable");
  for (bool more = true; more;) {
    const std::lock_guard lock(state.commit_mutex);
    LogExtent next = state.extent;
    next.begin = std::max(next.begin, offset);
    state.database.write([&](Database::Transaction& transaction) {
      // A block goes when the next one, or the log's end, is not behind `offset`.
      std::vector<std::uint64_t> firsts;
      {
        Database::Cursor blocks = transaction.cursor(state.blocks);
        while (firsts.size() <= blocks_a_step && blocks.next()) firsts.push_back(offset_of(blocks));
      }
      more = firsts.size() > blocks_a_step;
      if (!more) firsts.push_back(next.end);
      for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
        if (firsts[i + 1] > offset) {
          more = false;
          break;
        }
        transaction.erase(state.blocks, NumberKey(firsts[i]));
      }
      detail::write_extent(transaction, state.meta, next);
    });
    state.extent = next;
  }
}

void EventLog::keep_latest_before(std::uint64_t offset) {
  State& state = *state_;
  const std::lock_guard alone(state.compaction_mutex);
  require("EventLog", "offset", offset, offset <= durable_end(), "<= " + to_text(durable_end()) + ", what is durable");
  const Newest newest = newest_of_each_key(snapshot(), offset);
  const auto is_kept = [&](const LogEntry& entry) {
    if (entry.offset >= offset || entry.record.key.empty()) return true;
    const auto found = newest.find(std::string(entry.record.key));
    if (found == newest.end()) refuse_order(entry.offset);
    return found->second == entry.offset;
  };

  for (std::uint64_t at = snapshot().begin(); at < offset;) {
    const std::lock_guard lock(state.commit_mutex);
    LogExtent next = state.extent;
    next.compacted = std::max(next.compacted, offset);
    const Database::Snapshot before = state.database.snapshot();  // what is written must not move what is read
    Database::Cursor blocks = before.cursor(state.blocks);
    state.database.write([&](Database::Transaction& transaction) {
      Rewriting rewriting(transaction, state.blocks);
      std::uint64_t expected = 0;
      bool there = blocks.seek_last(NumberKey(at)) || blocks.seek(NumberKey(at));
      for (std::size_t i = 0; i < blocks_a_step && there; ++i, there = blocks.next()) {
        const std::uint64_t first = offset_of(blocks);
        if (first >= offset) break;
        Bytes rest = blocks.value();
        const std::int64_t highest = detail::take_head(first, rest);
        transaction.erase(state.blocks, NumberKey(first));
        while (!rest.empty()) {
          const LogEntry entry = detail::take_record(first, rest);
          if (entry.offset < expected) refuse_order(entry.offset);
          expected = entry.offset + 1;
          if (entry.offset >= next.begin && is_kept(entry)) rewriting.add(entry, highest);
        }
      }
      rewriting.close();
      at = there ? offset_of(blocks) : offset;
      detail::write_extent(transaction, state.meta, next);
    });
    state.extent = next;
  }
}

}  // namespace rtml
