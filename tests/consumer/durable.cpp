#include <rtml/rtml.hpp>
#include <rtml/store/event_log.hpp>

#include <filesystem>

int main() {
  const std::string folder = (std::filesystem::temp_directory_path() / "rtml-consumer-durable").string();
  std::filesystem::remove_all(folder);
  std::uint64_t end = 0;
  {
    rtml::Database database(folder);
    rtml::EventLog log(database, "events", {.durability = rtml::EventLog::Durability::each_batch});
    log.append({.sequence = 1});
    end = log.snapshot().end();
  }
  std::filesystem::remove_all(folder);
  return end == 1 ? 0 : 1;
}
