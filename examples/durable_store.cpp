// Feature rows that are served from memory and survive a restart: the rows that changed and the offset up to which the stream was read go to
// the disk together.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>

#include <fmt/format.h>

#include "rtml/rtml.hpp"
#include "rtml/store/durable_rows.hpp"

namespace {

using namespace rtml;

/// Reads the stream from where the last commit was until `until`; returns where it began.
std::uint64_t serve(const std::string& folder, std::uint64_t until, float& spent) {
  const FeatureView view("card", {KeyColumn::integer("card")}, {ValueColumn::of<float>("spend")}, {.ttl = days(7)});
  OnlineStore store;
  store.add(view, {.max_entities = 100'000});
  Database database(folder);
  DurableRows rows(database, store, view);  // what was there is in the store again
  const Database::Table& state = database.table("state");
  const auto key = std::as_bytes(std::span("offset", 6));
  std::uint64_t begin = 0;
  if (const auto saved = database.snapshot().get(state, key)) std::memcpy(&begin, saved->data(), sizeof(begin));

  FeatureRow row(view);
  const auto spend = view.column<float>("spend");
  for (std::uint64_t offset = begin; offset < until;) {
    const Time at = from_unix_seconds(1'700'000'000 + static_cast<std::int64_t>(offset));
    row.begin(view.key(static_cast<std::int64_t>(offset % 10)), at);
    row.set_available_at(at);  // a stream of the past
    row.set(spend, static_cast<float>(offset));
    store.put(row);
    if (++offset % 100 != 0) continue;
    database.write([&](Database::Transaction& transaction) {  // a crash loses what came since the last of these
      rows.write(transaction);
      transaction.put(state, key, std::as_bytes(std::span(&offset, 1)));
    });
    rows.committed();
  }
  ValueStatus status{};
  store.resolve<float>(view, {"spend"}).get(view.key(3), from_unix_seconds(1'700'001'000), {&spent, 1}, {&status, 1});
  return begin;
}

}  // namespace

int main() {
  const auto folder = (std::filesystem::temp_directory_path() / "rtml-example-durable-store").string();
  std::filesystem::remove_all(folder);
  float spent = 0.0F;
  serve(folder, 250, spent);
  const float before = spent;
  const std::uint64_t resumed = serve(folder, 200, spent);  // only looks
  fmt::print("before the restart {}, after it {}: the stream goes on at {}\n", before, spent, resumed);
  std::filesystem::remove_all(folder);
  return resumed == 200 && spent == 193.0F ? 0 : 1;
}
