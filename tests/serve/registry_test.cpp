#include "rtml/serve/registry.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/error.hpp"
#include "rtml/learn/linear.hpp"
#include "serve/serve_samples.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::AnyLearner;
using rtml::ConfigError;
using rtml::Decision;
using rtml::FormatError;
using rtml::IoError;
using rtml::Lineage;
using rtml::Registry;
using rtml::Schema;
using rtml::SchemaError;
using namespace rtml::serve_testing;

namespace {

/// Time that a test sets; a registry asks for it once a decision.
struct TestClock {
  std::int64_t seconds = 1'700'000'000;
  rtml::Time operator()() { return rtml::from_unix_seconds(seconds++); }
};

Registry::Options at_test_time() { return {.clock = TestClock{}}; }

Lineage sample_lineage(std::uint64_t parent = 0) {
  return {.from = rtml::from_unix_seconds(1000),
          .to = rtml::from_unix_seconds(2000),
          .offsets = {{0, 10, 20}, {3, 0, 5}},
          .rows = 15,
          .feature_set = "payments-v1",
          .parent = parent,
          .params = {{"rate", "0.1"}, {"data", "last 7 days"}},
          .metrics = {{"test/log_loss", 0.25}, {"auc", 0.9}},
          .run_id = "abc"};
}

std::string what_of(const auto& action) {
  try {
    action();
  } catch (const rtml::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::uint64_t> numbers_of(const Registry& registry) {
  std::vector<std::uint64_t> numbers;
  for (const auto& version : registry.versions()) numbers.push_back(version.number);
  return numbers;
}

std::uint64_t champion_of(const Registry& registry) {
  const auto found = registry.find(Registry::champion);
  return found ? found->number : 0;
}

std::string newest_index(const TemporaryFolder& folder) { return folder / "models/index/" + names_below(folder / "models/index").back(); }

void damage_newest_index(const TemporaryFolder& folder) {
  Bytes bytes = read_file(newest_index(folder));
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_file(newest_index(folder), bytes);
}

}  // namespace

TEST_CASE("A version comes back as it was added, from another registry object too, bit for bit", "[serve]") {
  const auto spec = GENERATE(as<std::string>{}, "logistic:bits=10", "softmax:classes=3,bits=8", "naive_bayes:classes=3",
                             "fm:factors=2,bits=8", "majority:classes=5", "linear:optimizer=ftrl,bits=8", "one_vs_rest:classes=3,bits=8");
  const auto compression = GENERATE(rtml::checkpoint::Compression::none, rtml::checkpoint::Compression::zstd);
  CAPTURE(spec);
  const TemporaryFolder folder;
  const AnyLearner model = trained(spec);
  const auto rows = sample_rows(5, 7);
  {
    Registry registry(folder / "models", {.compression = compression});
    REQUIRE(registry.add(model, sample_lineage(), "first", rows) == 1);
  }
  const Registry registry(folder / "models");
  REQUIRE(numbers_of(registry) == std::vector<std::uint64_t>{1});
  const auto version = registry.find(1);
  REQUIRE(version.has_value());
  CHECK(version->name == "first");
  CHECK(version->learner == spec);
  CHECK(version->task == model.task());
  CHECK(version->outputs == model.outputs());
  CHECK(version->bytes == std::filesystem::file_size(registry.file_of(1)));
  Lineage expected = sample_lineage();
  expected.schema = sample_schema().fingerprint();
  CHECK(version->lineage == expected);

  const auto loaded = registry.load(1, sample_schema());
  CHECK(rtml::save(loaded.model) == rtml::save(model));
  CHECK(loaded.rows == rows);
  CHECK(loaded.version == *version);
}

TEST_CASE("Numbers rise and are never given twice, whatever is removed", "[serve]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  {
    Registry registry(folder / "models");
    for (std::uint64_t number = 1; number <= 3; ++number) CHECK(registry.add(model) == number);
    registry.remove(3);
  }
  Registry registry(folder / "models");
  CHECK(numbers_of(registry) == std::vector<std::uint64_t>{1, 2});
  CHECK(registry.add(model) == 4);
  CHECK(!registry.find(3).has_value());
  CHECK_THROWS_AS(registry.load(3, sample_schema()), ConfigError);
}

TEST_CASE("Complaint 10: aliases, any and as many as are wanted, point where they were set, and their history is kept",
          "[serve][complaint]") {
  const TemporaryFolder folder;
  {
    Registry registry(folder / "models", at_test_time());
    const AnyLearner model = trained("logistic", 10);
    registry.add(model);
    registry.add(model);
    registry.set_alias("challenger", 1, "new");
    registry.set_alias("challenger", 2, "newer");
    registry.set_alias("eu-west_1", 1);
    CHECK(registry.find("challenger")->number == 2);
    registry.delete_alias("eu-west_1", "closed");
    CHECK(!registry.find("eu-west_1").has_value());
  }
  const Registry registry(folder / "models");
  REQUIRE(registry.aliases().size() == 1);
  CHECK(registry.aliases()[0].name == "challenger");
  CHECK(registry.aliases()[0].version == 2);
  const auto decisions = registry.decisions();
  REQUIRE(decisions.size() == 6);
  using Kind = Decision::Kind;
  const Kind kinds[] = {Kind::added, Kind::added, Kind::alias_set, Kind::alias_set, Kind::alias_set, Kind::alias_deleted};
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    CHECK(decisions[i].kind == kinds[i]);
    if (i > 0) CHECK(decisions[i].at > decisions[i - 1].at);
  }
  CHECK(decisions[3].alias == "challenger");
  CHECK(decisions[3].from == 1);
  CHECK(decisions[3].to == 2);
  CHECK(decisions[3].reason == "newer");
  CHECK(decisions[5].from == 1);
  CHECK(decisions[5].to == 0);
}

TEST_CASE("Names of aliases that MLflow or a path would take for something else are refused", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic", 10));
  for (const char* name : {"a", "Shadow-2", "v", "v7b", "latest1", "_"}) CHECK_NOTHROW(registry.set_alias(name, 1));
  for (const std::string& name :
       {std::string(), std::string("latest"), std::string("LATEST"), std::string("v7"), std::string("V12"), std::string("a/b"),
        std::string("../x"), std::string("a b"), std::string("a.b"), std::string(256, 'a'), std::string("\xc3\xa9")}) {
    CAPTURE(name);
    CHECK_THROWS_AS(registry.set_alias(name, 1), ConfigError);
  }
  CHECK_THROWS_AS(registry.set_alias("b", 2), ConfigError);
  CHECK_THROWS_AS(registry.delete_alias("nobody"), ConfigError);
  CHECK(contains(what_of([&] { registry.set_alias("champion", 1); }), "promote"));
  CHECK_THROWS_AS(registry.delete_alias("champion"), ConfigError);
}

TEST_CASE("Rollback goes back through the champions, each once, and every decision says why and on which figures", "[serve]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  {
    Registry registry(folder / "models", at_test_time());
    for (int i = 0; i < 4; ++i) registry.add(model);
    CHECK_THROWS_AS(registry.rollback("nothing yet"), ConfigError);
    for (std::uint64_t number = 1; number <= 3; ++number)
      registry.promote(number, "better", {{"log_loss", 0.1 * static_cast<double>(number)}});
    CHECK(champion_of(registry) == 3);
    const auto before = registry.decisions();
    registry.promote(3, "again");
    CHECK(registry.decisions() == before);
  }
  Registry registry(folder / "models", at_test_time());
  CHECK(registry.rollback("worse", {{"errors", 5.0}}) == 2);
  CHECK(champion_of(registry) == 2);
  const Decision last = registry.decisions().back();
  CHECK(last.kind == Decision::Kind::rolled_back);
  CHECK(last.alias == "champion");
  CHECK(last.from == 3);
  CHECK(last.to == 2);
  CHECK(last.reason == "worse");
  CHECK(last.figures == std::vector<rtml::Figure>{{"errors", 5.0}});
  // 3 was rolled back from: a later rollback never leads there.
  registry.promote(4, "repaired");
  CHECK(registry.rollback("no") == 2);
  CHECK(registry.rollback("no") == 1);
  CHECK_THROWS_AS(registry.rollback("no"), ConfigError);
  CHECK(champion_of(registry) == 1);
}

TEST_CASE("A version that an alias points to cannot be removed; a removed one is no champion to go back to", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  const AnyLearner model = trained("logistic", 10);
  for (int i = 0; i < 3; ++i) registry.add(model);
  for (std::uint64_t number = 1; number <= 3; ++number) registry.promote(number, "better");
  CHECK(contains(what_of([&] { registry.remove(3, "oops"); }), "\"champion\" points to it"));
  CHECK(numbers_of(registry).size() == 3);
  registry.remove(2, "holds personal data");
  CHECK(!std::filesystem::exists(registry.file_of(2)));
  CHECK(registry.decisions().back().reason == "holds personal data");
  CHECK(registry.rollback("worse") == 1);
}

TEST_CASE("Retention takes the oldest, but never what an alias or a rollback needs", "[serve]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  {
    Registry registry(folder / "models", {.keep = 3, .rollbacks = 1});
    for (int i = 0; i < 3; ++i) registry.add(model);
    registry.promote(1, "first");
    registry.promote(2, "second");
    registry.set_alias("baseline", 3);
    for (int i = 0; i < 4; ++i) registry.add(model);
    CHECK(numbers_of(registry) == std::vector<std::uint64_t>{1, 2, 3, 5, 6, 7});
    CHECK(!std::filesystem::exists(registry.file_of(4)));
    CHECK(registry.decisions()[registry.decisions().size() - 1].kind == Decision::Kind::expired);
    CHECK(registry.decisions().back().from == 4);
    // One step back is kept: with 5 the champion, 2 is the way back, and nothing holds 1.
    registry.promote(5, "third");
    registry.add(model);
    CHECK(numbers_of(registry) == std::vector<std::uint64_t>{2, 3, 5, 6, 7, 8});
  }
  const Registry registry(folder / "models");
  for (const std::uint64_t number : numbers_of(registry)) CHECK_NOTHROW(registry.load(number, sample_schema()));
  CHECK(names_below(folder / "models/versions").size() == 6);
}

TEST_CASE("The history is bounded: the oldest decision makes room", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", {.decisions = 5});
  registry.add(trained("logistic", 10));
  for (int i = 0; i < 10; ++i) registry.set_alias("a", 1, std::to_string(i));
  REQUIRE(registry.decisions().size() == 5);
  CHECK(registry.decisions().front().reason == "5");
}

TEST_CASE("Other features are refused by the first column that differs; more features are taken", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic:bits=8"), {}, {}, sample_rows(3));
  const auto columns = [] {
    const Schema schema = sample_schema();
    return std::vector<rtml::Column>(schema.columns().begin(), schema.columns().end());
  };
  auto lost = columns();
  lost.erase(lost.begin() + 1);
  CHECK_THROWS_AS(registry.load(1, Schema(lost)), SchemaError);
  CHECK(contains(what_of([&] { registry.load(1, Schema(lost)); }),
                 "version 1 (logistic:bits=8) learned from other features: column \"b\" is missing"));
  auto changed = columns();
  changed[2].definition = "numeric(c)";
  CHECK(contains(what_of([&] { registry.load(1, Schema(changed)); }), "column \"c\" is numeric numeric(c), was numeric numeric(c)|log1p"));
  auto gained = columns();
  gained.insert(gained.begin() + 4, {.name = "new"});
  const auto loaded = registry.load(1, Schema(gained));
  CHECK(loaded.model.schema() == Schema(gained));
  CHECK(loaded.rows.empty());
}

TEST_CASE("Wherever the process dies, a version is whole or not there, and nothing else is lost", "[serve]") {
  const AnyLearner model = trained("logistic:bits=8", 100);
  const int change = GENERATE(0, 1, 2, 3, 4);
  CAPTURE(change);
  for (std::size_t dying = 0;; ++dying) {
    CAPTURE(dying);
    const TemporaryFolder folder;
    DyingFiles files;
    bool died = false;
    {
      Registry registry(folder / "models", {.keep = 3}, files);
      for (int i = 0; i < 3; ++i) registry.add(model);
      registry.promote(2, "first");
      registry.promote(3, "second");
      files.die_after(dying);
      try {
        if (change == 0) registry.add(model);  // 1 goes beyond retention
        if (change == 1) registry.promote(1, "third");
        if (change == 2) registry.rollback("back");
        if (change == 3) registry.remove(1);
        if (change == 4) registry.set_alias("a", 1);
      } catch (const IoError&) {
      }
      died = files.died();
      // Whether it was refused or done: what the registry shows is there.
      files.die_after(static_cast<std::size_t>(-1));
      for (const std::uint64_t number : numbers_of(registry)) REQUIRE_NOTHROW(registry.load(number, sample_schema()));
    }
    Registry registry(folder / "models");
    CHECK(registry.refused().empty());
    const auto numbers = numbers_of(registry);
    for (const std::uint64_t number : numbers) REQUIRE_NOTHROW(registry.load(number, sample_schema()));
    CHECK(names_below(folder / "models/versions").size() == numbers.size());
    const std::uint64_t champion = champion_of(registry);
    const std::vector<std::uint64_t> old = {1, 2, 3};
    if (change == 0) CHECK((numbers == old || numbers == std::vector<std::uint64_t>{2, 3, 4}));
    if (change == 1) CHECK((champion == 3 || champion == 1));
    if (change == 2) CHECK((champion == 3 || champion == 2));
    if (change == 3) CHECK((numbers == old || numbers == std::vector<std::uint64_t>{2, 3}));
    if (change != 0 && change != 3) CHECK(numbers == old);
    CHECK(registry.add(model) >= 4);
    if (!died) {
      CHECK(dying > 4);
      break;
    }
  }
}

TEST_CASE("A model is on the disk before the index names it, and goes after the index has forgotten it", "[serve]") {
  const TemporaryFolder folder;
  DyingFiles files;
  Registry registry(folder / "models", {}, files);
  const AnyLearner model = trained("logistic", 10);
  const std::vector<std::string> written = {"create", "write", "sync", "sync directory"};
  const std::vector<std::string> indexed = {"create", "write", "sync", "rename", "sync directory"};
  const auto both = [](std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  files.die_after(static_cast<std::size_t>(-1));
  registry.add(model);
  CHECK(files.done() == both(written, indexed));
  files.die_after(static_cast<std::size_t>(-1));
  registry.remove(1);
  CHECK(files.done() == both(indexed, {"remove", "list", "sync directory"}));
}

TEST_CASE("A version whose file cannot be removed is gone, and the caller is told that its file is not", "[serve]") {
  const TemporaryFolder folder;
  DyingFiles files;
  Registry registry(folder / "models", {}, files);
  registry.add(trained("logistic", 10));
  files.fail_at("remove");
  CHECK_THROWS_AS(registry.remove(1), rtml::IoError);
  CHECK_FALSE(registry.find(1).has_value());
  CHECK(std::filesystem::exists(registry.file_of(1)));
}

TEST_CASE("An operation that fails once changes nothing and leaves no file; the next change works", "[serve]") {
  const AnyLearner model = trained("logistic:bits=8", 10);
  for (std::size_t failing = 0;; ++failing) {
    CAPTURE(failing);
    const TemporaryFolder folder;
    DyingFiles files;
    Registry registry(folder / "models", {}, files);
    registry.add(model);
    files.die_after(failing, true);
    bool refused = false;
    try {
      registry.add(model);
    } catch (const IoError&) {
      refused = true;
    }
    if (!files.died()) break;
    files.die_after(static_cast<std::size_t>(-1));
    const auto numbers = numbers_of(registry);
    CHECK(numbers.size() == (refused ? 1U : 2U));
    // The last operation that is not free to fail is the folder's sync after the new index took its place: then its model stays.
    const bool is_in_place = names_below(folder / "models/index").size() == 4;
    CHECK(names_below(folder / "models/versions").size() == (refused && !is_in_place ? 1U : 2U));
    const std::uint64_t number = registry.add(model);
    CHECK(number > 1 + (numbers.size() - 1));
    for (const std::uint64_t each : numbers_of(registry)) CHECK_NOTHROW(registry.load(each, sample_schema()));
  }
}

TEST_CASE("What a crash left is removed at the next start, and foreign files are left alone", "[serve]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  { Registry(folder / "models").add(model); }
  const std::string versions = folder / "models/versions/";
  const Bytes whole = read_file(versions + "version-00000000000000000001.rtml");
  write_file(versions + "version-00000000000000000002.rtml", whole);
  write_file(versions + "version-00000000000000000003.rtml", Bytes(10));
  write_file(versions + "notes.txt", Bytes(10));
  Registry registry(folder / "models");
  CHECK(names_below(versions) == std::vector<std::string>{"notes.txt", "version-00000000000000000001.rtml"});
  CHECK(registry.add(model) == 4);
}

TEST_CASE("A damaged index is passed over for the one before, and then no model is removed", "[serve]") {
  const TemporaryFolder folder;
  {
    Registry registry(folder / "models");
    registry.add(trained("logistic", 10));
    registry.add(trained("logistic", 20));
  }
  damage_newest_index(folder);
  Registry registry(folder / "models");
  REQUIRE(registry.refused().size() == 1);
  CHECK(numbers_of(registry) == std::vector<std::uint64_t>{1});
  CHECK(std::filesystem::exists(registry.file_of(2) + ".lost"));
  CHECK(registry.add(trained("logistic", 10)) == 3);
}

TEST_CASE("What a damaged index may have known stays through later starts, when another index is whole", "[serve]") {
  const TemporaryFolder folder;
  std::string file;
  {
    Registry registry(folder / "models");
    registry.add(trained("logistic", 10));
    registry.add(trained("logistic", 20));
    file = registry.file_of(2);
  }
  damage_newest_index(folder);
  { Registry(folder / "models").add(trained("logistic", 10)); }
  for (int start = 0; start < 2; ++start) {
    const Registry registry(folder / "models");
    CHECK(registry.refused().empty());
    CHECK(std::filesystem::exists(file + ".lost"));
  }
}

TEST_CASE("An index that cannot be read is no damaged one: opening is refused, and nothing is lost", "[serve][io]") {
  const TemporaryFolder folder;
  {
    Registry registry(folder / "models");
    registry.add(trained("logistic", 10));
    registry.add(trained("logistic", 20));
    registry.promote(2, "better");
  }
  const auto before = names_below(folder / "models/versions");
  DyingFiles files;
  files.fail_at("read");
  CHECK_THROWS_AS(Registry(folder / "models", {}, files), FormatError);  // none can be
  files.fail_at("");
  files.die_after(3, true);  // make, lock and list: the newest
  CHECK_THROWS_AS(Registry(folder / "models", {}, files), IoError);
  CHECK(names_below(folder / "models/versions") == before);
  const Registry registry(folder / "models", {}, files);
  CHECK(champion_of(registry) == 2);
  CHECK_NOTHROW(registry.load(2, sample_schema()));
}

TEST_CASE("A number that a damaged index gave is given to no other, however often the registry is opened", "[serve]") {
  const TemporaryFolder folder;
  {
    Registry registry(folder / "models");
    registry.add(trained("logistic", 10));
    registry.add(trained("logistic", 20));
  }
  const std::string newest = newest_index(folder);
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) - 1);
  { const Registry registry(folder / "models"); }
  CHECK(Registry(folder / "models").add(trained("logistic", 10)) == 3);
}

TEST_CASE("A file of the last number ends the numbers, and not the registry", "[serve][hostile]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  { Registry(folder / "models").add(model); }
  write_file(folder / "models/versions/version-04611686018427387902.rtml", {});
  {
    Registry registry(folder / "models");
    CHECK(registry.add(model) == (std::uint64_t{1} << 62U) - 1);
    CHECK_THROWS_AS(registry.add(model), ConfigError);
    for (int i = 0; i < 4; ++i) registry.set_alias("a", 1);
  }
  CHECK(numbers_of(Registry(folder / "models")).size() == 2);
}

TEST_CASE("A forked child adds nothing, and takes nothing from its parent", "[serve][io]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic", 10);
  Registry registry(folder / "models");
  // The child has the object as it was before its parent added a version.
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    int code = 1;
    try {
      if (::read(ready[0], &byte, 1) == 1) registry.add(model);
    } catch (const IoError& error) {
      code = error.code() == EPERM ? 0 : 2;
    } catch (...) {
      code = 3;
    }
    ::_exit(code);
  }
  registry.add(model);
  REQUIRE(::write(ready[1], "x", 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK_NOTHROW(registry.load(1, sample_schema()));
}

TEST_CASE("A model that would unpack to more than the limit is kept as it is, and loads", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", {.compression = rtml::checkpoint::Compression::zstd, .unpacked_limit = 100});
  const AnyLearner model = trained("logistic:bits=8", 10);
  registry.add(model);
  CHECK(rtml::save(registry.load(1, sample_schema()).model) == rtml::save(model));
}

TEST_CASE("The champion has a place among as many aliases as there may be", "[serve]") {
  const TemporaryFolder folder;
  { Registry(folder / "models").add(trained("logistic", 10)); }
  const std::string newest = newest_index(folder);
  rtml::detail::RegistryIndex index;
  rtml::load(index, rtml::checkpoint::decode(read_file(newest))[0].bytes);
  for (int i = 1000; i < 1998; ++i) index.aliases.push_back({"a" + std::to_string(i), 1, {}});
  const rtml::checkpoint::Section section{"registry", rtml::save(index)};
  rtml::checkpoint::write_file(newest, {&section, 1});
  {
    Registry registry(folder / "models");
    registry.set_alias("b", 1);
    CHECK_THROWS_WITH(registry.set_alias("c", 1), "Registry: aliases is 1000, must be at most 999 and the champion");
    registry.promote(1, "the first");
    CHECK_THROWS_AS(registry.set_alias("c", 1), ConfigError);
    registry.set_alias("b", 1);
  }
  CHECK(Registry(folder / "models").aliases().size() == 1000);
}

TEST_CASE("Models without any index are an error and stay where they are", "[serve]") {
  const TemporaryFolder folder;
  { Registry(folder / "models").add(trained("logistic", 10)); }
  std::filesystem::remove_all(folder / "models/index");
  CHECK_THROWS_AS(Registry(folder / "models"), FormatError);
  CHECK(names_below(folder / "models/versions").size() == 1);
}

TEST_CASE("A model file that is cut, flipped, or another's is refused with its name, and the others load", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic:bits=6", 50), {}, {}, sample_rows(2));
  registry.add(trained("logistic:bits=6", 50, -1.0F), {}, {}, sample_rows(2));
  const Bytes first = read_file(registry.file_of(1));
  const Bytes second = read_file(registry.file_of(2));
  const auto refused = [&](const Bytes& damaged) {
    write_file(registry.file_of(1), damaged);
    try {
      registry.load(1, sample_schema());
    } catch (const FormatError& error) {
      return contains(error.what(), "version-00000000000000000001") || contains(error.what(), "section") ||
             contains(error.what(), "checkpoint");
    }
    return false;
  };
  for (std::size_t size = 0; size < first.size(); size += 1 + first.size() / 97)
    REQUIRE(refused(Bytes(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(size))));
  for (std::size_t at = 0; at < first.size(); at += 1 + first.size() / 97) {
    Bytes flipped = first;
    flipped[at] ^= std::byte{0x40};
    REQUIRE(refused(flipped));
  }
  REQUIRE(second.size() == first.size());
  CHECK(refused(second));
  std::filesystem::remove(registry.file_of(1));
  CHECK_THROWS_AS(registry.load(1, sample_schema()), IoError);
  CHECK_NOTHROW(registry.load(2, sample_schema()));
}

TEST_CASE("A second registry on a folder is told who holds it", "[serve]") {
  const TemporaryFolder folder;
  const Registry registry(folder / "models");
  CHECK(contains(what_of([&] { Registry(folder / "models"); }), "held by process " + std::to_string(::getpid())));
}

TEST_CASE("The host can say what a version's learner is", "[serve]") {
  const TemporaryFolder folder;
  rtml::LogisticRegression::Options options;
  options.bits = 7;
  AnyLearner model(rtml::LogisticRegression(options), "ours");
  model.bind(sample_schema());
  {
    Registry registry(folder / "models");
    registry.add(model);
    CHECK_THROWS_AS(registry.load(1, sample_schema()), ConfigError);
  }
  Registry registry(folder / "models", {.make = [&](const rtml::ModelVersion& version) {
                      return version.learner == "ours" ? AnyLearner(rtml::LogisticRegression(options), "ours") : AnyLearner();
                    }});
  CHECK(rtml::save(registry.load(1, sample_schema()).model) == rtml::save(model));
  registry.add(trained("logistic", 10));
  CHECK_THROWS_AS(registry.load(2, sample_schema()), ConfigError);
}

TEST_CASE("What MLflow or a reader could not take is refused when it is added", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  const AnyLearner model = trained("logistic", 10);
  const auto refuses = [&](const Lineage& lineage) {
    CHECK_THROWS_AS(registry.add(model, lineage), ConfigError);
    CHECK(registry.versions().empty());
  };
  refuses({.from = rtml::from_unix_seconds(2), .to = rtml::from_unix_seconds(1)});
  refuses({.offsets = {{0, 2, 1}}});
  refuses({.parent = 1});
  refuses({.params = {{"../x", "1"}}});
  refuses({.params = {{"x", std::string(6001, 'x')}}});
  refuses({.params = {{"x", "1"}, {"x", "2"}}});
  refuses({.params = {{"x", "\xff"}}});
  refuses({.metrics = {{"/x", 1.0}}});
  refuses({.feature_set = std::string(251, 'x')});
  CHECK_THROWS_AS(registry.add(AnyLearner()), ConfigError);
  CHECK_THROWS_AS(registry.add(model, {}, std::string(251, 'x')), ConfigError);
  CHECK_THROWS_AS(registry.add(model, {}, {}, std::vector<rtml::FeatureVector>(1)), ConfigError);
  CHECK_THROWS_AS(registry.add(model, {}, {}, sample_rows(4097)), ConfigError);
  CHECK_THROWS_AS(registry.promote(1, "none"), ConfigError);
  registry.add(model);
  CHECK_THROWS_AS(registry.promote(1, std::string(5001, 'x')), ConfigError);
  CHECK_THROWS_AS(registry.promote(1, "", {{"..", 1.0}}), ConfigError);
  CHECK(champion_of(registry) == 0);
  CHECK_THROWS_AS(Registry(folder / "other", {.keep = 0}), ConfigError);
  CHECK_THROWS_AS(Registry(folder / "other", {.decisions = 0}), ConfigError);
  CHECK_THROWS_AS(Registry(""), ConfigError);
}

TEST_CASE("An index survives any damage to its bytes", "[serve]") {
  rtml::detail::RegistryIndex index;
  index.next = 4;
  for (std::uint64_t number = 1; number <= 3; ++number)
    index.versions.push_back({.number = number, .name = "n", .learner = "logistic", .lineage = sample_lineage()});
  index.aliases = {{"challenger", 3, {}}, {"champion", 2, {}}};
  index.before = {1};
  index.decisions = {{.kind = Decision::Kind::promoted, .alias = "champion", .from = 1, .to = 2, .reason = "r", .figures = {{"f", 1.0}}}};
  rtml::testing::check_archive(index, rtml::detail::RegistryIndex{});
  const auto refused = [](const rtml::detail::RegistryIndex& made) {
    rtml::detail::RegistryIndex read;
    CHECK_THROWS_AS(rtml::load(read, rtml::save(made)), FormatError);
  };
  auto other = index;
  other.aliases[0].version = 9;
  refused(other);
  other = index;
  other.before = {9};
  refused(other);
  other = index;
  std::swap(other.versions[0], other.versions[1]);
  refused(other);
  other = index;
  other.next = 3;
  refused(other);
  other = index;
  other.aliases[0].name = "../champion";
  refused(other);
}

TEST_CASE("Threads list and load versions while others are added and promoted", "[serve][threads]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", {.keep = 4});
  const AnyLearner model = trained("logistic:bits=6", 50);
  registry.promote(registry.add(model), "first");
  std::atomic<bool> stopping{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      std::size_t decisions = 0;
      while (!stopping.load()) {
        const auto champion = registry.find(Registry::champion);
        if (!champion || !registry.find(champion->number)) ++failures;
        const auto now = registry.decisions().size();
        if (now < decisions) ++failures;
        decisions = now;
        try {  // a champion is not removed, unless two promotions came between
          if (rtml::save(registry.load(champion->number, sample_schema()).model) != rtml::save(model)) ++failures;
        } catch (const rtml::Error&) {
          if (registry.find(champion->number)) ++failures;
        }
      }
    });
  for (int i = 0; i < 12; ++i) registry.promote(registry.add(model), "next");
  stopping = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(failures == 0);
}
