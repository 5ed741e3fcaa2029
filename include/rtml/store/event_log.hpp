#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/database.hpp"
#include "rtml/store/log_record.hpp"
#include "rtml/store/log_snapshot.hpp"

namespace rtml {

/// An append-only log of records in a Database: durable, idempotent by (writer, sequence), offsets 0, 1, 2, ... in the order of arrival.
///
/// `append` puts a record into memory; a commit writes all that is there in one transaction and returns when it is on the disk. Whatever is
/// killed and whenever, the log on the disk is a beginning of what was appended, ending at a commit. `Durability` says when there is a
/// commit. Readers see what is on the disk: what was read once never goes away.
///
/// Thread safety: every function, from any number of threads. Appending takes a mutex for some 100 ns and allocates nothing after warm-up;
/// whoever commits waits for the disk, the others go on. One EventLog to a name and database; it must not outlive the database. Fork: a
/// child must not use it.
class RTML_API EventLog {
 public:
  /// When there is a commit, beside those of `flush`, of `commit` and of a full buffer. A crash of the process or the machine can lose only
  /// the newest records; with every level at most `buffer_bytes` and a batch, and never more than:
  enum class Durability : std::uint8_t {
    none,           ///< what was appended since the last commit; the destructor makes one
    on_checkpoint,  ///< the same; `commit` is the checkpoint, and the destructor leaves what came after it to be replayed
    interval,  ///< what was appended in one `interval` (or commit, if that is longer) and the commit after it; a thread of the log commits
    each_batch,  ///< nothing whose `append` returned: it waits for its commit, which threads share
  };

  struct Options {
    Durability durability = Durability::interval;
    Duration interval = std::chrono::milliseconds(10);     ///< from one commit to the next, > 0
    std::size_t buffer_bytes = std::size_t{1} << 26U;      ///< of records that wait for a commit; `append` then makes one. >= 64 KiB
    std::size_t max_record_bytes = std::size_t{1} << 20U;  ///< key and bytes of one; longer ones are refused. <= 1 GiB
    std::size_t max_writers = 65'536;                      ///< kept for ever, 64 bytes each; records of further ones are refused
  };

  /// What became of a record.
  struct Appended {
    enum class Status : std::uint8_t {
      added,
      repeated,  ///< its sequence is not above its writer's last: it is there already, or its writer gave later ones before
      refused,   ///< longer than `max_record_bytes`, or of a writer beyond `max_writers`: it is not there
    };
    Status status = Status::refused;
    std::uint64_t offset = 0;  ///< of the record; of a repeated one, of the newest of its writer

    friend bool operator==(const Appended&, const Appended&) = default;
  };

  struct Counters {
    std::uint64_t added = 0;
    std::uint64_t repeated = 0;
    std::uint64_t refused = 0;
    std::uint64_t commits = 0;
    std::uint64_t failed_commits = 0;
  };

  /// Of a writer's newest record.
  struct Last {
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;
  };

  /// Opens the log `name` of the database, or makes it. O(writers).
  /// @throws ConfigError; FormatError when what is there is damaged; IoError.
  EventLog(Database& database, std::string_view name) : EventLog(database, name, Options{}) {}
  EventLog(Database& database, std::string_view name, const Options& options);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog();

  /// Returns when the record is acknowledged as the durability says; `wait_durable(offset + 1)` waits for more. O(bytes).
  /// @throws IoError when a commit was due and failed (disk full, ...). With `each_batch` the record is then in memory, and appending it
  /// again waits for it again; else it was not taken. Nothing is acknowledged until a commit succeeds again.
  Appended append(const LogRecord& record);

  /// The same of many, which become durable together or not at all. `results` has as many places as `batch`, or none.
  void append(std::span<const LogRecord> batch, std::span<Appended> results = {});

  /// Commits what was appended before the call.
  /// @throws IoError: it stays in memory, and the next commit tries again.
  void flush();

  /// Commits what was appended before the call together with what `change` does in the same database (rows, offsets, the name of a
  /// checkpoint): all of it or nothing. `change` is told the log's end at this commit, runs once, and must not call the log or
  /// Database::write. @throws IoError, and what `change` throws: nothing is changed, records stay in memory.
  void commit(const std::function<void(Database::Transaction&, std::uint64_t end)>& change);

  /// Whether the records before offset `end` are on the disk; waits for others to commit them, until the deadline.
  bool wait_durable(std::uint64_t end, std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max()) const;

  /// The end of what is on the disk, and what readers see; offsets below it are assigned and durable.
  std::uint64_t durable_end() const noexcept;

  /// The offset of the next record.
  std::uint64_t end() const;

  /// Of what was appended, durable or not; nullopt of an unknown writer. After a restart: where the writer goes on.
  std::optional<Last> last(std::uint64_t writer) const;

  /// What is on the disk now, or what it was when its end was `as_of`.
  /// @throws ConfigError when `as_of` is beyond the end, or before what compaction left.
  LogSnapshot snapshot() const;
  LogSnapshot snapshot(std::uint64_t as_of) const;

  /// Forgets every record before `offset`; offsets of the others stay. In steps of one transaction each, beside which others append.
  /// @throws ConfigError when it is beyond durable_end(); IoError.
  void drop_before(std::uint64_t offset);

  /// Of the records before `offset`, keeps the newest of each key and those without a key; offsets stay, with gaps. In steps, as
  /// drop_before; interrupted, it has kept more. O(records before it) time, O(keys) memory.
  /// @throws ConfigError when it is beyond durable_end(); IoError; FormatError.
  void keep_latest_before(std::uint64_t offset);

  Counters counters() const;
  std::size_t memory_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rtml
