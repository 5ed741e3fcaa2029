#include "rtml/store/event_log.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "log_state.hpp"
#include "rtml/core/error.hpp"

namespace rtml {

using detail::LogBlock;

namespace {

const EventLog::Options& checked(std::string_view name, const EventLog::Options& options) {
  constexpr std::size_t least_buffer = std::size_t{1} << 16U;
  constexpr std::size_t longest_record = std::size_t{1} << 30U;
  constexpr std::size_t longest_name = 400;
  require("EventLog", "name", name, !name.empty() && name.size() <= longest_name, "1 to 400 bytes long");
  require("EventLog", "interval", options.interval.count(), options.interval.count() > 0, "> 0");
  require("EventLog", "buffer_bytes", options.buffer_bytes, options.buffer_bytes >= least_buffer, ">= 65536");
  require("EventLog", "max_record_bytes", options.max_record_bytes,
          options.max_record_bytes >= 1 && options.max_record_bytes <= longest_record, "in [1, 1073741824]");
  require("EventLog", "max_writers", options.max_writers, options.max_writers >= 1, ">= 1");
  return options;
}

}  // namespace

EventLog::EventLog(Database& database, std::string_view name, const Options& options)
    : state_(std::make_unique<State>(database, name, checked(name, options))) {}

EventLog::~EventLog() = default;

EventLog::Appended EventLog::append(const LogRecord& record) {
  Appended result;
  append({&record, 1}, {&result, 1});
  return result;
}

void EventLog::append(std::span<const LogRecord> batch, std::span<Appended> results) {
  require("EventLog", "results", results.size(), results.empty() || results.size() == batch.size(), "as long as the batch, or empty");
  std::uint64_t until = 0;
  {
    const auto lock = state_->lock_with_room();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Appended result = state_->place(batch[i]);
      if (result.status != Appended::Status::refused) until = std::max(until, result.offset + 1);
      if (!results.empty()) results[i] = result;
    }
  }
  if (state_->options.durability == Durability::each_batch) state_->ensure_durable(until);
}

void EventLog::flush() { state_->ensure_durable(end()); }

void EventLog::commit(const std::function<void(Database::Transaction&, std::uint64_t)>& change) {
  const std::lock_guard lock(state_->commit_mutex);
  state_->commit(change);
}

bool EventLog::wait_durable(std::uint64_t end, std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(state_->mutex);
  return state_->durable_changed.wait_until(lock, deadline, [&] { return durable_end() >= end; });
}

std::uint64_t EventLog::durable_end() const noexcept { return state_->durable_end.load(std::memory_order_acquire); }

std::uint64_t EventLog::end() const {
  const std::lock_guard lock(state_->mutex);
  return state_->end;
}

std::optional<EventLog::Last> EventLog::last(std::uint64_t writer) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->writers.find(writer);
  return found == state_->writers.end() ? std::nullopt : std::optional(found->second.last);
}

EventLog::Counters EventLog::counters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counters;
}

std::size_t EventLog::memory_bytes() const {
  constexpr std::size_t writer_bytes = 64;  // a node of the map, its bucket, and its place among the dirty
  const std::lock_guard lock(state_->mutex);
  std::size_t bytes = sizeof(State) + writer_bytes * state_->writers.size();
  for (const std::list<LogBlock>* blocks : {&state_->waiting, &state_->spare})
    for (const LogBlock& block : *blocks) bytes += sizeof(LogBlock) + block.memory_bytes();
  return bytes;
}

}  // namespace rtml
