#include "log_bench.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "rtml/store/event_log.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {

namespace {

using rtml::Database;
using rtml::EventLog;
using rtml::LogEntry;
using rtml::LogRecord;
using Durability = EventLog::Durability;

struct Run {
  std::string how;
  EventLog::Options options;
  std::uint64_t records = 0;
  std::size_t batch = 1;
  std::uint64_t checkpoint_every = 0;  // records; 0 = none
  std::size_t threads = 1;
  bool to_the_disk = true;  // ends with a flush
};

/// Appends one writer's records in batches.
Latencies append_all(EventLog& log, const Run& run, std::uint64_t writer, std::uint64_t records, std::span<const std::byte> bytes) {
  Latencies latencies;
  std::vector<LogRecord> batch(run.batch);
  for (std::uint64_t sequence = 1; sequence <= records;) {
    for (LogRecord& record : batch)
      record = {
          .at = rtml::Time(rtml::Duration(static_cast<std::int64_t>(sequence))), .writer = writer, .sequence = sequence++, .bytes = bytes};
    const auto began = Clock::now();
    log.append(batch);
    latencies.add(Clock::now() - began);
    if (run.checkpoint_every != 0 && sequence % run.checkpoint_every < run.batch) log.flush();
  }
  return latencies;
}

LogAppend measure(const std::string& folder, const Run& run, std::size_t record_bytes) {
  std::filesystem::remove_all(folder);
  const std::vector<std::byte> bytes(record_bytes, std::byte{'x'});
  Database database(folder);
  EventLog log(database, "events", run.options);
  {  // warm: blocks of memory, pages of the file
    Run warm = run;
    warm.batch = 100;
    const std::uint64_t first = run.to_the_disk ? 10'000 : run.records;
    append_all(log, warm, run.threads, first, bytes);
    log.flush();
  }
  std::mutex mutex;
  std::vector<Latencies> latencies;
  std::vector<std::thread> threads;
  const auto began = Clock::now();
  for (std::uint64_t writer = 0; writer < run.threads; ++writer)
    threads.emplace_back([&, writer] {
      Latencies of_thread = append_all(log, run, writer, run.records / run.threads, bytes);
      const std::lock_guard lock(mutex);
      latencies.push_back(std::move(of_thread));
    });
  for (std::thread& thread : threads) thread.join();
  if (run.to_the_disk) log.flush();
  const double seconds = nanoseconds(Clock::now() - began) * 1e-9;
  return {run.how, static_cast<double>(run.records) / seconds, latencies.front().quantile(0.5), latencies.front().quantile(0.99)};
}

/// What was written last, read by a process that knows nothing of it yet.
void measure_replay(const std::string& folder, LogFigures& figures) {
  Database database(folder);
  const EventLog log(database, "events");
  const auto began = Clock::now();
  const auto snapshot = log.snapshot();
  auto reader = snapshot.read();
  LogEntry entry;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  while (reader.next(entry)) ++records, bytes += entry.record.bytes.size();
  const double seconds = nanoseconds(Clock::now() - began) * 1e-9;
  figures.replayed_per_second = static_cast<double>(records) / seconds;
  figures.replayed_bytes_per_second = static_cast<double>(bytes) / seconds;
}

}  // namespace

LogFigures measure_log(const std::string& folder, const LogLoad& load) {
  const std::size_t burst_bytes = std::size_t{1} << 26U;
  const std::uint64_t burst = burst_bytes / (load.record_bytes + 64);
  const std::uint64_t singles = std::max<std::uint64_t>(load.durable_records / 100, 1);
  const std::vector<Run> runs = {
      {"none, a burst within the buffer", {.durability = Durability::none, .buffer_bytes = burst_bytes}, burst, 1, 0, 1, false},
      {"none, until it is on the disk", {.durability = Durability::none}, load.records},
      {"on checkpoint, every 200,000 records", {.durability = Durability::on_checkpoint}, load.records, 1, 200'000},
      {"each batch, of 1", {.durability = Durability::each_batch}, singles},
      {"each batch, of 1, 8 threads", {.durability = Durability::each_batch}, 8 * singles, 1, 0, 8},
      {"each batch, of 100", {.durability = Durability::each_batch}, load.durable_records, 100},
      {"each batch, of 1000", {.durability = Durability::each_batch}, 10 * load.durable_records, 1000},
      {"interval, 10 ms, 2 threads", {.durability = Durability::interval}, load.records, 1, 0, 2},
      {"interval, 10 ms", {.durability = Durability::interval}, load.records},
  };
  LogFigures figures;
  for (const Run& run : runs) figures.appends.push_back(measure(folder, run, load.record_bytes));
  measure_replay(folder, figures);
  std::filesystem::remove_all(folder);
  return figures;
}

}  // namespace rtml_bench
