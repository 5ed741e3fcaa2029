// One process serves and logs, and is killed; another, which knows nothing but the log, makes again what was served.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::as_bytes;
using rtml::testing::TemporaryFolder;

namespace {

struct Sale {
  Time at{};
  std::uint64_t card = 0;
  std::uint64_t shop = 0;
  double amount = 0.0;
  std::array<char, 8> city{};
};

/// Sale number `i` of the source: whoever knows the number knows the sale. A tenth come late, some of those too late.
Sale sale(std::uint64_t i) {
  Rng rng(i);
  Sale made;
  made.at = from_unix_seconds(1'700'000'000) + 7s * static_cast<std::int64_t>(i);
  if (rng.below(10) == 0) made.at -= Duration(static_cast<std::int64_t>(rng.below(900'000'000)));
  made.card = rng.below(rng.below(2) == 0 ? 20 : 500);
  made.shop = rng.below(40);
  made.amount = rng.below(50) == 0 ? std::nan("") : 30.0 * std::exp(rng.normal());
  constexpr std::string_view cities[] = {"porto", "oslo", "", "rabat"};
  const std::string_view city = cities[rng.below(4)];
  city.copy(made.city.data(), city.size());
  return made;
}

struct Variant {
  float most = 100.0F;
  Duration lateness = 10min;
};

/// Entities go, events are forgotten early, and those that come too late are not taken: all of it must happen again.
FeatureSet<Sale> sale_features(const Variant& variant) {
  const auto city = field("city", "v1", [](const Sale& s) { return std::string_view(s.city.data(), ::strnlen(s.city.data(), 8)); });
  const auto card = field("card", &Sale::card);
  const auto shop = field("shop", &Sale::shop);
  const auto amount = field("amount", &Sale::amount);
  return feature_set<Sale>("sales-v1", &Sale::at, numeric("amount", amount) | clip(0.0F, variant.most) | log1p() | standardize(),
                           numeric("rank", amount) | missing_indicator() | quantile(), category("city", city),
                           category("shop", shop) | count_encoding(), hour_of_day("hour") | cyclic(), window("n", card, 1h, count()),
                           window("sum", card, 24h, sum(amount)) | log1p() | standardize(), window("var", card, 24h, variance(amount)),
                           window("last", card, 24h, last(3, amount)), window("since", card, 24h, time_since_last()),
                           window("cities", card, 24h, distinct(city)), window("max", card, 6h, rtml::max(amount), sawtooth(5min)),
                           window("shop_mean", shop, 2h, mean(amount), hopping(10min)), window("shop_min", shop, 2h, rtml::min(amount)),
                           fading("faded", card, 1h, sum(amount)))
      .with({.max_entities = 700,
             .max_events_per_entity = 48,
             .lateness = variant.lateness,
             .time_to_live = 2h,
             .max_skew = days(2),
             .shards = 4});
}

std::uint64_t digest_of(const Features& x) {
  const auto bytes = [](auto span) { return std::string_view(reinterpret_cast<const char*>(span.data()), span.size_bytes()); };
  return hash_bytes(bytes(x.sparse), hash_bytes(bytes(x.dense)));
}

/// What the log keeps of a request: the event's own bytes, and what was served.
struct Served {
  Sale sale;
  std::uint64_t digest = 0;

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(this, 1)); }
  static Served of(const LogRecord& record) {
    REQUIRE(record.bytes.size() == sizeof(Served));
    Served read;
    std::memcpy(static_cast<void*>(&read), record.bytes.data(), sizeof(read));
    return read;
  }
};

/// Makes again what was served from here on; how many differ.
std::uint64_t replay(LogSnapshot::Reader reader, FeaturePipeline<Sale>& pipeline, std::uint64_t& replayed) {
  std::uint64_t mismatches = 0;
  for (LogEntry entry; reader.next(entry); ++replayed) {
    const Served served = Served::of(entry.record);
    mismatches += digest_of(pipeline(served.sale)) == served.digest ? 0U : 1U;
    pipeline.observe(served.sale);
  }
  return mismatches;
}

struct Checkpoint {
  std::uint64_t end = 0;  // of the log
  std::vector<std::byte> pipeline;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.end, self.pipeline);
  }
};

/// Serves up to the sale `until`; the disk gets the log now and then, more seldom together with the pipeline.
void serve(const std::string& folder, std::uint64_t until, std::optional<std::uint64_t> killed_at) {
  Database database(folder);
  const Database::Table& table = database.table("checkpoint");
  EventLog log(database, "sales", {.durability = EventLog::Durability::on_checkpoint});
  FeaturePipeline<Sale> pipeline(sale_features({}));
  Checkpoint checkpoint;
  {
    const auto rows = database.snapshot();
    if (const auto kept = rows.get(table, as_bytes("newest"))) {
      load(checkpoint, *kept);
      load(pipeline, checkpoint.pipeline);
    }
  }
  std::uint64_t recovered = 0;
  const LogSnapshot since = log.snapshot();
  REQUIRE(replay(since.read(checkpoint.end, since.end()), pipeline, recovered) == 0);
  const auto last = log.last(1);
  for (std::uint64_t i = last ? last->sequence + 1 : 0; i < until; ++i) {
    Served served{sale(i)};
    served.digest = digest_of(pipeline(served.sale));
    pipeline.observe(served.sale);
    log.append({.at = served.sale.at, .writer = 1, .sequence = i, .bytes = served.bytes()});
    if (i % 500 == 499) log.flush();
    if (i % 3000 == 2999)
      log.commit([&](Database::Transaction& transaction, std::uint64_t end) {
        transaction.put(table, as_bytes("newest"), save(Checkpoint{end, save(pipeline)}));
      });
    if (i == killed_at) ::raise(SIGKILL);
  }
  log.flush();
}

/// This program as a process of its own, with nothing of this one's memory: runs the hidden case `name`. Gives the exit code, or 1000 and the
/// signal.
int in_process(const std::string& name, const std::string& folder, const std::string& argument) {
  return rtml::testing::in_child([&] {
    ::setenv("RTML_TEST_FOLDER", folder.c_str(), 1);
    ::setenv("RTML_TEST_ARGUMENT", argument.c_str(), 1);
    ::execl("/proc/self/exe", "rtml_test", name.c_str(), "--out", (folder + "/said").c_str(), nullptr);
    return 98;
  });
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

constexpr std::uint64_t sales = 20'000;

}  // namespace

TEST_CASE("process: serve sales", "[.]") {
  const std::string folder = environment("RTML_TEST_FOLDER");
  if (folder.empty()) return;
  const std::string killed_at = environment("RTML_TEST_ARGUMENT");
  serve(folder + "/db", sales, killed_at.empty() ? std::nullopt : std::optional(std::stoull(killed_at)));
}

TEST_CASE("process: replay sales", "[.]") {
  const std::string folder = environment("RTML_TEST_FOLDER");
  if (folder.empty()) return;
  Variant variant;
  if (environment("RTML_TEST_ARGUMENT") == "constant") variant.most = 101.0F;
  if (environment("RTML_TEST_ARGUMENT") == "lateness") variant.lateness = 11min;
  Database database(folder + "/db");
  const EventLog log(database, "sales");
  FeaturePipeline<Sale> pipeline(sale_features(variant));
  std::uint64_t replayed = 0;
  const auto snapshot = log.snapshot();
  const std::uint64_t mismatches = replay(snapshot.read(), pipeline, replayed);
  const WindowCounters counters = pipeline.windows().counters();
  std::ofstream(folder + "/replayed") << replayed << " " << mismatches << " " << counters.late << " " << counters.too_late << " "
                                      << counters.evicted << " " << counters.expired << " " << counters.truncated;
}

TEST_CASE("A fresh process makes of the events in the log what another served, through lateness and kills, bit for bit", "[log][replay]") {
  const TemporaryFolder folder;
  const std::string here = folder / "";
  for (const std::uint64_t killed_at : {1234U, 3100U, 8999U, 9000U, 17'777U})
    REQUIRE(in_process("process: serve sales", here, std::to_string(killed_at)) == 1000 + SIGKILL);
  REQUIRE(in_process("process: serve sales", here, "") == 0);

  struct Found {
    std::uint64_t replayed, mismatches, late, too_late, evicted, expired, truncated;
  };
  const auto replayed_as = [&](const std::string& variant) {
    REQUIRE(in_process("process: replay sales", here, variant) == 0);
    Found found{};
    std::ifstream(here + "/replayed") >> found.replayed >> found.mismatches >> found.late >> found.too_late >> found.evicted >>
        found.expired >> found.truncated;
    CHECK(found.replayed == sales);
    return found;
  };
  const Found same = replayed_as("");
  CHECK(same.mismatches == 0);
  CHECK(same.late > 300);  // else nothing was tested
  CHECK(same.too_late > 50);
  CHECK(same.evicted > 300);
  CHECK(same.expired > 100);
  CHECK(same.truncated > 300);
  CHECK(replayed_as("constant").mismatches > 100);
  CHECK(replayed_as("lateness").mismatches > 20);
}
