// A service that is killed again and again, and a feed that is read again from where the state says: the end is as if nothing had been.
// RTML_CRASHES says how often it is killed; 50 times by default.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"
#include "support/killed.hpp"
#include "support/thin.hpp"

using namespace loop_test;
using rtml::EventId;
using rtml::Loop;
using rtml::LoopOptions;

namespace {

std::size_t crashes_wanted() {
  const char* wanted = std::getenv("RTML_CRASHES");
  return wanted != nullptr ? static_cast<std::size_t>(std::strtoul(wanted, nullptr, 10)) : 50;
}

/// Two partitions of events in turns, and a feed of labels in the order in which they become known; most negatives never do.
class Service {
 public:
  explicit Service(std::size_t n) : rows_(trades(n, 5, n / 2)) {
    rtml::Rng rng(11);
    for (std::size_t i = 0; i < n; ++i)
      if (rows_[i].good == 1.0F || rng.below(4) == 0) feed_.push_back({i + rng.below(150), i});
    for (std::size_t i = 0; i < n; ++i) {  // clocks that are wrong
      if (i % 97 == 0) rows_[i].at -= rtml::hours(1);
      if (i % 211 == 5) rows_[i].at += rtml::days(3000);
    }
    std::stable_sort(feed_.begin(), feed_.end(), [](const Known& a, const Known& b) { return a.at < b.at; });
  }

  static constexpr std::uint32_t label_partition = 9;

  LoopOptions options(const std::string& folder) const {
    LoopOptions options;
    options.retrain = {.when = rtml::every(300), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{200})};
    options.retrain.gate = {.labels = 60, .margin = 0.0};
    options.rehearse = rtml::reservoir(100);
    options.state = folder;
    options.challengers = {
        {.name = "bayes",
         .learner = rtml::make_learner("naive_bayes", rtml::Task::binary),
         .weight = 0.3,
         .retrain = {.when = rtml::every(250), .start = rtml::Start::recall, .on = rtml::Data::since_last(), .shelf = {.every = 100}},
         .canary = rtml::Canary::Options{.margin = 0.0001, .least_labels = 10, .most_labels = 200}}};
    options.negative_after = std::chrono::seconds(100);
    options.checkpoint_every = 90;
    options.deltas = 3;
    options.pending = 1024;
    options.label_queue = 256;
    options.clock = [jumps =
                         rtml::Rng(static_cast<std::uint64_t>(::getpid()))]() mutable {  // of the wall: nothing that lasts may depend on it
      return rtml::from_unix_seconds(static_cast<std::int64_t>(jumps.below(4'000'000'000)));
    };
    return options;
  }

  Loop<Trade> open(const std::string& folder) const {
    return Loop<Trade>(trade_features(), rtml::make_learner("logistic", rtml::Task::binary), options(folder));
  }

  /// Reads on from where the state is; with `apart`, from an offset that the host keeps in a file of its own. Ends with a checkpoint behind
  /// row `end`, unless it is killed after `killed_after` events.
  void run(const std::string& folder, std::size_t end, std::size_t killed_after, bool apart = false) const {
    Loop<Trade> loop = open(folder);
    std::size_t row = static_cast<std::size_t>(loop.resume_offset(0) + loop.resume_offset(1));
    std::size_t label = static_cast<std::size_t>(loop.resume_offset(label_partition));
    const std::string file = folder + "/offset";
    if (apart) std::ifstream(file) >> row >> label;
    for (;; ++row) {
      for (; label < feed_.size() && feed_[label].at < row; ++label) {
        const std::size_t of = feed_[label].row;
        loop.label({.id = EventId(static_cast<std::uint32_t>(of % 2), of / 2),
                    .y = rows_[of].good,
                    .source = EventId(label_partition, label),
                    .has_source = true});
      }
      loop.work();
      if (row == end) break;
      if (killed_after-- == 0) ::raise(SIGKILL);
      loop.predict(EventId(static_cast<std::uint32_t>(row % 2), row / 2), rows_[row], rows_[row].trader);
      if (row % 170 == 60) loop.checkpoint();  // while a request waits to be looked at
      if (apart && row % 10 == 0) {
        std::ofstream(file + ".new") << row + 1 << ' ' << label;
        std::filesystem::rename(file + ".new", file);
      }
    }
    loop.stop();
  }

  /// All that lasts, but how long things took and how often they were written.
  std::vector<rtml::checkpoint::Section> state(const std::string& folder) const {
    const auto loaded = rtml::checkpoint::StateDirectory(folder).load_newest();
    std::vector<rtml::checkpoint::Section> sections;
    for (const auto& section : loaded->checkpoint.sections()) {
      const auto bytes = section.bytes.span();
      sections.push_back({.name = section.name, .bytes = {bytes.begin(), bytes.end()}});
    }
    const auto differs = [](const auto& section) { return section.name == "latency" || section.name == "counters"; };
    sections.erase(std::remove_if(sections.begin(), sections.end(), differs), sections.end());
    const rtml::LoopCounters c = open(folder).counters();
    rtml::Writer counted;
    counted(c.events, c.repeated, c.evicted, c.labels, c.labels_unknown, c.labels_repeated, c.negatives, c.corrected, c.learned, c.replayed,
            c.retrained, c.retrainings, c.promotions, c.discarded, c.rolled_back, c.drifts);
    sections.push_back({.name = "counted", .bytes = counted.take()});
    return sections;
  }

  std::size_t size() const { return rows_.size(); }

 private:
  struct Known {
    std::size_t at;
    std::size_t row;
  };

  std::vector<Trade> rows_;
  std::vector<Known> feed_;
};

}  // namespace

TEST_CASE("Killed at any event and at any file operation, a service ends bit-equal to one that never was", "[loop][state][crash]") {
  const Service service(1500);
  const TemporaryFolder whole;
  service.run(whole.path(), service.size(), service.size() + 1);
  const auto expected = service.state(whole.path());
  {
    const auto counts = service.open(whole.path()).counters();
    REQUIRE(counts.events == service.size());
    REQUIRE(counts.retrainings >= 2);
    REQUIRE(counts.promotions + counts.discarded >= 2);
    REQUIRE(counts.corrected > 50);
    REQUIRE(counts.rolled_back == 1);
    REQUIRE(counts.negatives > 300);
    REQUIRE(counts.labels_unknown == 0);
  }

  rtml::Rng rng(1);
  std::size_t crashes = 0;
  for (bool by_calls = false; crashes < crashes_wanted(); by_calls = !by_calls) {
    const TemporaryFolder folder;
    for (bool ended = false; !ended;) {
      if (by_calls) {
        const auto traced =
            rtml::testing::killed_at_call(rng.below(3000), [&] { service.run(folder.path(), service.size(), ~std::size_t{0}); });
        if (!traced.allowed) break;
        ended = !traced.killed;
      } else {
        const std::size_t after = rng.below(500);
        const int code = rtml::testing::in_child([&] {
          service.run(folder.path(), service.size(), after);
          return 0;
        });
        REQUIRE((code == 0 || code == 1000 + SIGKILL));
        ended = code == 0;
      }
      crashes += ended ? 0 : 1;
    }
    if (by_calls && std::filesystem::is_empty(folder.path())) {
      WARN("kills at file operations are skipped: this system lets no process trace its child");
      continue;
    }
    CAPTURE(by_calls, crashes);
    REQUIRE(service.state(folder.path()) == expected);
  }
}

TEST_CASE("Killed before and after each system call of two checkpoints, a service goes on bit-equal", "[loop][state][crash]") {
  const Service service(500);
  const TemporaryFolder base;
  service.run(base.path(), 345, ~std::size_t{0});
  const TemporaryFolder whole;
  service.run(whole.path(), 365, ~std::size_t{0});
  const auto expected = service.state(whole.path());
  std::uint64_t calls = 0;
  for (;; calls += rtml::testing::thin) {
    CAPTURE(calls);
    const TemporaryFolder folder;
    std::filesystem::copy(base.path(), folder.path(), std::filesystem::copy_options::recursive);
    const auto traced = rtml::testing::killed_at_call(calls, [&] { service.run(folder.path(), 365, ~std::size_t{0}); });
    if (!traced.allowed) {
      WARN("skipped: this system lets no process trace its child");
      return;
    }
    service.run(folder.path(), 365, ~std::size_t{0});
    REQUIRE(service.state(folder.path()) == expected);
    if (!traced.killed) break;
  }
  CHECK(calls > 100);
}

TEST_CASE("Offsets that are saved apart from the state end elsewhere, which the same comparison shows", "[loop][state][crash]") {
  const Service service(1500);
  const TemporaryFolder whole;
  service.run(whole.path(), service.size(), ~std::size_t{0});
  const auto expected = service.state(whole.path());
  rtml::Rng rng(1);
  const TemporaryFolder folder;
  for (int code = 1; code != 0;) {
    const std::size_t after = rng.below(500);
    code = rtml::testing::in_child([&] {
      service.run(folder.path(), service.size(), after, true);
      return 0;
    });
  }
  CHECK(service.state(folder.path()) != expected);
}
