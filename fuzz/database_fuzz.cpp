// A database file that somebody changed, and rows that nobody wrote there, are refused with an Error or can be read and written.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/store/event_log.hpp"

namespace {

using rtml::Database;
using rtml::EventLog;
using Bytes = std::vector<char>;

constexpr Database::Options small{.max_bytes = std::uint64_t{1} << 24U};
constexpr EventLog::Options options{.durability = EventLog::Durability::none, .max_writers = 64};

/// Takes an input apart, zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }
  std::size_t number(std::size_t width) {
    std::size_t value = 0;
    for (; width > 0; --width) value = value << 8U | (left_.empty() ? 0U : left_[0]), left_ = left_.subspan(left_.empty() ? 0 : 1);
    return value;
  }
  std::span<const std::byte> bytes(std::size_t size) {
    const auto taken = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(taken.size());
    return std::as_bytes(taken);
  }

 private:
  std::span<const std::uint8_t> left_;
};

std::string folder() {
  static const std::string made = [] {
    const bool memory = std::filesystem::exists("/dev/shm");
    const auto path = (memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
                      ("rtml-database-fuzz-" + std::to_string(::getpid()));
    std::filesystem::remove_all(path);
    return path.string();
  }();
  return made;
}

struct RemovedAtExit {
  RemovedAtExit() { static_cast<void>(folder()); }  // which is destroyed after this, then
  ~RemovedAtExit() {
    std::error_code ignored;
    std::filesystem::remove_all(folder(), ignored);
  }
} removed_at_exit;

std::string file() { return folder() + "/data.mdb"; }

Bytes read_file() {
  std::ifstream in(file(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Branches, leaves, values on pages of their own, free pages.
const Bytes& whole_file() {
  static const Bytes whole = [] {
    Database database(folder(), small);
    const Database::Table& table = database.table("rows");
    EventLog log(database, "events", options);
    const std::string text(7000, 't');
    for (std::uint64_t i = 0; i < 60; ++i) {
      const std::string key = "key" + std::to_string(i * 7 % 60) + std::string(90, '-');
      const auto bytes = std::as_bytes(std::span(text)).first(i == 30 ? 7000 : i);
      log.append(
          {.at = rtml::Time(rtml::Duration(static_cast<std::int64_t>(i))), .writer = i % 3, .sequence = i, .key = key, .bytes = bytes});
      database.write([&](Database::Transaction& transaction) { transaction.put(table, std::as_bytes(std::span(key)), bytes); });
      if (i % 20 == 19) log.flush();
    }
    log.drop_before(10);
    return read_file();
  }();
  return whole;
}

void read_and_write(Database& database) {
  const Database::Table& table = database.table("rows");
  {
    const Database::Snapshot view = database.snapshot();
    auto cursor = view.cursor(table);
    for (bool more = cursor.next(); more; more = cursor.next()) static_cast<void>(cursor.value());
  }
  EventLog log(database, "events", options);
  {
    const auto snapshot = log.snapshot();
    rtml::LogEntry entry;
    std::uint64_t next = snapshot.begin();
    for (auto reader = snapshot.read(); reader.next(entry); next = entry.offset + 1)
      if (entry.offset < next || entry.offset >= snapshot.end()) std::abort();
    static_cast<void>(snapshot.offset_at(rtml::Time(rtml::Duration(20))));
  }
  log.append({.writer = 1, .sequence = 1000, .bytes = std::as_bytes(std::span("more"))});
  log.flush();
  log.keep_latest_before(log.durable_end());
  log.drop_before(log.durable_end() / 2);
  database.write([&](Database::Transaction& transaction) {
    for (std::size_t i = 0; i < 20; ++i) transaction.put(table, std::as_bytes(std::span(&i, 1)), std::as_bytes(std::span("some value")));
  });
}

/// Changes bytes of the file, and perhaps its length.
void change_file(Input& input) {
  Bytes bytes = whole_file();
  if (const std::size_t cut = input.number(2); cut % 16 == 0) bytes.resize(bytes.size() * (cut / 16) / 4096);
  while (!input.empty() && !bytes.empty()) {
    const std::size_t at = input.number(3) % bytes.size();
    for (std::size_t run = 1 + input.number(1) % 8, i = at; run > 0 && i < bytes.size(); --run, ++i)
      bytes[i] = static_cast<char>(input.number(1));
  }
  std::ofstream(file(), std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Database database(folder(), small);
  read_and_write(database);
}

/// Puts rows in the log's tables whose checksums are right.
void change_rows(Input& input) {
  const Bytes& bytes = whole_file();
  std::ofstream(file(), std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Database database(folder(), small);
  const Database::Table& blocks = database.table("log.events");
  const Database::Table& meta = database.table("log.events.meta");
  database.write([&](Database::Transaction& transaction) {
    while (!input.empty()) {
      const std::size_t kind = input.number(1);
      const std::uint64_t number = input.number(1);
      std::array<std::byte, 8> key{};
      key[7] = static_cast<std::byte>(number);
      const auto value = input.bytes(input.number(1));
      if (kind % 4 == 0) {
        transaction.put(meta, std::as_bytes(std::span(std::string_view("state"))), value);
      } else {
        transaction.put(kind % 4 == 1 ? meta : blocks, std::span(key).subspan(kind % 8 == 2 ? 1 : 0), value);
      }
    }
  });
  read_and_write(database);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  try {
    input.number(1) % 2 == 0 ? change_file(input) : change_rows(input);
  } catch (const rtml::Error&) {
    return 0;
  }
  return 0;
}
