#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "log_block.hpp"
#include "rtml/store/event_log.hpp"

namespace rtml {

namespace detail {

/// What the log's row "state" says.
struct LogExtent {
  static constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();

  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t compacted = 0;     // before it, only the newest of each key is certain to be there
  std::int64_t highest = no_time;  // latest event time of all that was ever appended

  friend bool operator==(const LogExtent&, const LogExtent&) = default;
};

/// Of a log that has no such row yet: empty. @throws FormatError.
LogExtent read_extent(const Database::View& view, const Database::Table& meta);
void write_extent(Database::Transaction& transaction, const Database::Table& meta, const LogExtent& extent);

}  // namespace detail

using CommitChange = std::function<void(Database::Transaction&, std::uint64_t)>;

struct EventLog::State {
  struct Writer {
    Last last;
    bool dirty = false;  // not on the disk as it is here
  };
  struct WriterRow {
    std::uint64_t writer;
    Last last;
  };

  State(Database& in, std::string_view name, const Options& with);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  /// Commits while the buffer is full or the last commit failed; then holds `mutex`.
  std::unique_lock<std::mutex> lock_with_room();
  Appended place(const LogRecord& record);  // under mutex
  void ensure_durable(std::uint64_t until);
  void commit(const CommitChange& change);  // under commit_mutex
  void commit_at_intervals();

  Database& database;
  const Database::Table& blocks;
  const Database::Table& meta;
  const Options options;
  const pid_t owner = ::getpid();

  // One commit or step of compaction at a time.
  std::mutex commit_mutex;
  detail::LogExtent extent;                // as it is on the disk
  std::vector<detail::LogBlock*> writing;  // kept for their memory
  std::vector<WriterRow> writing_rows;
  std::mutex compaction_mutex;

  // What waits for a commit.
  mutable std::mutex mutex;
  std::list<detail::LogBlock> waiting;  // in order; the last may be open
  std::list<detail::LogBlock> spare;
  bool open = false;
  std::size_t waiting_bytes = 0;
  std::uint64_t end = 0;
  std::unordered_map<std::uint64_t, Writer> writers;
  std::vector<std::uint64_t> dirty;
  bool failed = false;  // the last commit
  Counters counters;

  std::atomic<std::uint64_t> durable_end{0};
  mutable std::condition_variable durable_changed;

  // Durability::interval.
  bool stopping = false;
  std::condition_variable stop_asked;
  std::thread committer;
};

}  // namespace rtml
