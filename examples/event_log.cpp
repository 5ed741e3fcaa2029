// A service that sums payments and is killed between two checkpoints: when it starts again the log and the sums agree, and the past can
// be read as it was.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include <fmt/format.h>

#include "rtml/rtml.hpp"
#include "rtml/store/event_log.hpp"

using rtml::Database;
using rtml::EventLog;
using rtml::LogEntry;

namespace {

struct Payment {
  std::uint64_t card = 0;
  double amount = 0.0;
};

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <class T>
T value_of(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// Takes the payments from where the last checkpoint was until `until`, with a checkpoint after every hundredth.
void serve(const std::string& folder, std::uint64_t until) {
  Database database(folder);
  const Database::Table& totals = database.table("totals");
  const Database::Table& state = database.table("state");
  EventLog log(database, "payments", {.durability = EventLog::Durability::on_checkpoint});

  const auto resumed = database.snapshot();
  const auto saved = resumed.get(state, bytes_of('o'));
  std::map<std::uint64_t, double> total;  // of a card; those since the checkpoint
  for (auto next = saved ? value_of<std::uint64_t>(*saved) : 0; next < until;) {
    const Payment payment{next % 7, 1.0 + static_cast<double>(next % 13)};
    const auto at = rtml::from_unix_seconds(1'700'000'000 + static_cast<std::int64_t>(60 * next));
    log.append({.at = at, .writer = 1, .sequence = next, .bytes = bytes_of(payment)});
    total[payment.card] += payment.amount;
    if (++next % 100 != 0) continue;
    log.commit([&](Database::Transaction& transaction, std::uint64_t) {  // records, totals and offset: all of it or nothing
      for (const auto& [card, amount] : total) {
        const auto before = transaction.get(totals, bytes_of(card));
        const double sum = amount + (before ? value_of<double>(*before) : 0.0);
        transaction.put(totals, bytes_of(card), bytes_of(sum));
      }
      transaction.put(state, bytes_of('o'), bytes_of(next));
    });
    total.clear();
  }
}  // what came after the last checkpoint is gone, as after a kill

}  // namespace

int main() {
  const auto folder = (std::filesystem::temp_directory_path() / "rtml-example-event-log").string();
  std::filesystem::remove_all(folder);
  serve(folder, 250);
  serve(folder, 1000);

  bool agree = false;
  {
    Database database(folder);
    const Database::Table& totals = database.table("totals");
    const EventLog log(database, "payments");
    const auto now = log.snapshot();
    std::map<std::uint64_t, double> expected;
    LogEntry entry;
    for (auto reader = now.read(); reader.next(entry);) {
      const auto payment = value_of<Payment>(entry.record.bytes);
      expected[payment.card] += payment.amount;
    }
    const auto rows = database.snapshot();
    agree = now.end() == 1000;
    for (const auto& [card, amount] : expected) agree = agree && value_of<double>(*rows.get(totals, bytes_of(card))) == amount;
    fmt::print("{} payments in the log; every total agrees with it: {}\n", now.end(), agree);

    const auto past = log.snapshot(300);  // as it was when it had 300
    const auto hour = past.offset_at(rtml::from_unix_seconds(1'700'000'000 + 3600));
    fmt::print("of the first {}, those from the second hour on begin at offset {}\n", past.end(), hour);
    agree = agree && hour == 60;
  }
  std::filesystem::remove_all(folder);
  return agree ? 0 : 1;
}
