#include "log_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "encoding.hpp"
#include "rtml/core/error.hpp"

namespace rtml {

using detail::Bytes;
using detail::LogBlock;
using detail::LogExtent;
using detail::NumberKey;

namespace {

constexpr std::uint32_t version = 1;
constexpr std::size_t extent_size = 36;
constexpr std::size_t writer_size = 16;

Bytes state_key() { return std::as_bytes(std::span(std::string_view("state"))); }

}  // namespace

namespace detail {

LogExtent read_extent(const Database::View& view, const Database::Table& meta) {
  const auto row = view.get(meta, state_key());
  if (!row) return {};
  if (row->size() != extent_size) raise(FormatError(fmt::format("event log: the state in \"{}\" has {} bytes", meta.name(), row->size())));
  const std::byte* at = row->data();
  if (const auto found = detail::number_at<std::uint32_t>(at); found != version)
    raise(FormatError(fmt::format("event log: \"{}\" has format version {}, this build reads {}", meta.name(), found, version)));
  const LogExtent extent{detail::number_at<std::uint64_t>(at + 4), detail::number_at<std::uint64_t>(at + 12),
                         detail::number_at<std::uint64_t>(at + 20), detail::number_at<std::int64_t>(at + 28)};
  if (extent.begin > extent.end || extent.compacted > extent.end)
    raise(FormatError(fmt::format("event log: the state in \"{}\" ends before it begins", meta.name())));
  return extent;
}

void write_extent(Database::Transaction& transaction, const Database::Table& meta, const LogExtent& extent) {
  std::byte row[extent_size];
  std::byte* at = detail::put_number(row, version);
  at = detail::put_number(at, extent.begin);
  at = detail::put_number(at, extent.end);
  at = detail::put_number(at, extent.compacted);
  detail::put_number(at, extent.highest);
  transaction.put(meta, state_key(), row);
}

}  // namespace detail

EventLog::State::State(Database& in, std::string_view name, const Options& with)
    : database(in), blocks(in.table("log." + std::string(name))), meta(in.table("log." + std::string(name) + ".meta")), options(with) {
  const Database::Snapshot view = database.snapshot();
  extent = detail::read_extent(view, meta);
  end = extent.end;
  durable_end = extent.end;

  Database::Cursor rows = view.cursor(meta);
  for (bool more = rows.next(); more; more = rows.next()) {
    if (rows.key().size() != NumberKey::size) continue;  // the state
    const Bytes row = rows.value();
    if (row.size() != writer_size) raise(FormatError(fmt::format("event log: a writer in \"{}\" has {} bytes", meta.name(), row.size())));
    const Last last{detail::number_at<std::uint64_t>(row.data()), detail::number_at<std::uint64_t>(row.data() + 8)};
    writers.emplace(NumberKey::number(rows.key().first<NumberKey::size>()), Writer{last, false});
  }
  if (options.durability == Durability::interval) committer = std::thread([this] { commit_at_intervals(); });
}

EventLog::State::~State() {
  if (owner != ::getpid()) {  // what waits is the parent's, and so is the thread
    if (committer.joinable()) committer.detach();
    return;
  }
  if (committer.joinable()) {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    stop_asked.notify_all();
    committer.join();
  }
  if (options.durability == Durability::on_checkpoint) return;
  try {
    const std::lock_guard lock(commit_mutex);
    commit({});
  } catch (...) {  // NOLINT(bugprone-empty-catch): who must know calls flush() first
  }
}

std::unique_lock<std::mutex> EventLog::State::lock_with_room() {
  std::unique_lock lock(mutex);
  while (failed || waiting_bytes >= options.buffer_bytes) {
    lock.unlock();
    {
      const std::lock_guard commits(commit_mutex);
      lock.lock();
      const bool still = failed || waiting_bytes >= options.buffer_bytes;  // else another thread's commit made room
      lock.unlock();
      if (still) commit({});
    }
    lock.lock();
  }
  return lock;
}

EventLog::Appended EventLog::State::place(const LogRecord& record) {
  auto writer = writers.find(record.writer);
  if (writer != writers.end() && record.sequence <= writer->second.last.sequence) {
    ++counters.repeated;
    return {Appended::Status::repeated, writer->second.last.offset};
  }
  const bool too_long = record.key.size() > options.max_record_bytes || record.bytes.size() > options.max_record_bytes - record.key.size();
  if (too_long || (writer == writers.end() && writers.size() >= options.max_writers)) {
    ++counters.refused;
    return {Appended::Status::refused, 0};
  }

  if (!open || waiting.back().is_full_for(end, record)) {
    if (spare.empty()) spare.emplace_back();
    waiting.splice(waiting.end(), spare, spare.begin());
    waiting.back().begin(end);
    waiting_bytes += waiting.back().size();
    open = true;
  }
  LogBlock& block = waiting.back();
  block.add(end, record);
  waiting_bytes += LogBlock::stored_size(record);

  if (writer == writers.end()) writer = writers.try_emplace(record.writer).first;
  writer->second.last = {record.sequence, end};
  if (!writer->second.dirty) {
    writer->second.dirty = true;
    dirty.push_back(record.writer);
  }
  ++counters.added;
  return {Appended::Status::added, end++};
}

void EventLog::State::ensure_durable(std::uint64_t until) {
  if (durable_end.load(std::memory_order_acquire) >= until) return;
  const std::lock_guard lock(commit_mutex);
  if (durable_end.load(std::memory_order_acquire) < until) commit({});  // else the commit that it waited for had it too
}

void EventLog::State::commit(const CommitChange& change) {
  LogExtent next = extent;
  writing.clear();
  writing_rows.clear();
  {
    const std::lock_guard lock(mutex);
    if (waiting.empty() && !change) {
      failed = false;
      return;
    }
    for (LogBlock& block : waiting) writing.push_back(&block);
    open = false;
    next.end = end;
    for (const std::uint64_t id : dirty) {
      Writer& writer = writers.at(id);
      writer.dirty = false;
      writing_rows.push_back({id, writer.last});
    }
    dirty.clear();
  }

  try {
    database.write([&](Database::Transaction& transaction) {
      if (detail::read_extent(transaction, meta) != extent)
        raise(Error(fmt::format("event log: another EventLog writes to \"{}\"", blocks.name())));
      for (LogBlock* block : writing) {
        next.highest = std::max(next.highest, block->latest());
        transaction.put(blocks, NumberKey(block->first()), block->finish(next.highest));
      }
      for (const WriterRow& row : writing_rows) {
        std::byte bytes[writer_size];
        detail::put_number(detail::put_number(bytes, row.last.sequence), row.last.offset);
        transaction.put(meta, NumberKey(row.writer), bytes);
      }
      detail::write_extent(transaction, meta, next);
      if (change) change(transaction, next.end);
    });
  } catch (...) {
    const std::lock_guard lock(mutex);
    for (const WriterRow& row : writing_rows) {
      Writer& writer = writers.at(row.writer);
      if (!std::exchange(writer.dirty, true)) dirty.push_back(row.writer);
    }
    failed = true;
    ++counters.failed_commits;
    throw;
  }

  extent = next;
  {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < writing.size(); ++i) {
      waiting_bytes -= waiting.front().size();
      if (waiting.front().memory_bytes() > LogBlock::target_bytes) {
        waiting.pop_front();  // made for one long record
      } else {
        spare.splice(spare.begin(), waiting, waiting.begin());
      }
    }
    failed = false;
    ++counters.commits;
    durable_end.store(next.end, std::memory_order_release);
  }
  durable_changed.notify_all();
}

void EventLog::State::commit_at_intervals() {
  auto due = std::chrono::steady_clock::now();
  for (;;) {
    due = std::max(due + options.interval, std::chrono::steady_clock::now());
    {
      std::unique_lock lock(mutex);
      if (stop_asked.wait_until(lock, due, [&] { return stopping; })) return;
    }
    try {
      const std::lock_guard lock(commit_mutex);
      commit({});
    } catch (...) {  // NOLINT(bugprone-empty-catch): `failed` makes the next append try again, and tell
    }
  }
}

}  // namespace rtml
