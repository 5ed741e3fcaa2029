#include "rtml/serve/model_slot.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "rtml/core/error.hpp"
#include "serve/serve_samples.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using rtml::AnyLearner;
using rtml::ConfigError;
using rtml::FeatureVector;
using rtml::ModelSlot;
using rtml::Registry;
using rtml::Schema;
using namespace rtml::serve_testing;

namespace {

/// What happened to one model in memory.
struct Fate {
  std::atomic<std::uint64_t> predictions{0};
  std::atomic<std::uint64_t> of_kept_rows{0};  // whose first number is 42
};

std::atomic<int> fates_ended{0};
std::atomic<std::thread::id> last_ended_by{};

std::shared_ptr<Fate> new_fate() {
  return {new Fate, [](Fate* fate) {
            last_ended_by = std::this_thread::get_id();
            ++fates_ended;
            delete fate;
          }};
}

/// Predicts its number, and counts.
class Witness {
 public:
  static constexpr std::string_view name = "witness";

  explicit Witness(float number = 0.0F) : number_(number), fate_(new_fate()) {}

  void bind(const Schema& schema) { schema_ = schema; }
  rtml::Task task() const noexcept { return rtml::Task::regression; }
  std::uint64_t refused() const noexcept { return 0; }
  float predict(const rtml::Features& x) const noexcept {
    ++fate_->predictions;
    if (!x.dense.empty() && x.dense[0] == 42.0F) ++fate_->of_kept_rows;
    return number_;
  }
  float learn(const rtml::Features&, float, float = 1.0F) noexcept { return number_; }
  std::size_t memory_bytes() const noexcept { return std::size_t{1} << 20U; }
  const Fate& fate() const noexcept { return *fate_; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Witness", 1);
    ar(self.schema_, self.number_);
  }

 private:
  Schema schema_;
  float number_;
  std::shared_ptr<Fate> fate_;
};

AnyLearner witness(float number) {
  AnyLearner model{Witness(number)};
  model.bind(sample_schema());
  return model;
}

Registry::Options of_witnesses() {
  return {.make = [](const rtml::ModelVersion&) { return AnyLearner(Witness()); }};
}

FeatureVector row_of_42() { return FeatureVector({42.0F, 0.0F, 0.0F, 1.0F}); }

float served_by(const ModelSlot& slot) {
  float score = 0.0F;
  const auto served = slot.read();
  served->model.predict(FeatureVector({0.0F, 0.0F, 0.0F, 0.0F}), {&score, 1});
  return score;
}

std::uint64_t predictions_of(const ModelSlot::Guard& guard) { return guard->model.as<Witness>()->fate().predictions; }

}  // namespace

TEST_CASE("A slot serves what it was told, and goes back without a file", "[serve]") {
  const TemporaryFolder folder;
  DyingFiles files;
  Registry registry(folder / "models", of_witnesses(), files);
  for (int i = 1; i <= 3; ++i) registry.add(witness(static_cast<float>(i)));
  ModelSlot slot(registry, sample_schema(), 1);
  CHECK(served_by(slot) == 1.0F);
  CHECK(slot.read()->version.number == 1);
  CHECK_THROWS_AS(slot.rollback(), ConfigError);
  CHECK(slot.serve(2));
  CHECK(!slot.serve(2));
  CHECK(served_by(slot) == 2.0F);

  const std::size_t reads = files.reads();
  const std::uint64_t warm = predictions_of(slot.read());
  CHECK(slot.rollback() == 1);
  CHECK(served_by(slot) == 1.0F);
  CHECK(slot.rollback() == 2);
  CHECK(predictions_of(slot.read()) == warm);
  CHECK(slot.serve(1));  // the one before is still in memory
  CHECK(served_by(slot) == 1.0F);
  CHECK(files.reads() == reads);

  CHECK(slot.serve(3));
  CHECK(files.reads() == reads + 1);
  CHECK(slot.rollback() == 1);
}

TEST_CASE("Complaint 7: a load that fails leaves the old version serving", "[serve][complaint]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic:bits=8", 100));
  registry.add(trained("logistic:bits=8", 200));
  ModelSlot slot(registry, sample_schema(), 1);
  const AnyLearner model = trained("logistic:bits=8", 100);
  const auto serves_the_first = [&] {
    const auto served = slot.read();
    CHECK(served->version.number == 1);
    CHECK(rtml::save(served->model) == rtml::save(model));
  };
  CHECK_THROWS_AS(slot.serve(7), ConfigError);
  serves_the_first();
  const Bytes whole = read_file(registry.file_of(2));
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 31) {
    write_file(registry.file_of(2), Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK_THROWS_AS(slot.serve(2), rtml::FormatError);
  }
  serves_the_first();
  std::filesystem::remove(registry.file_of(2));
  CHECK_THROWS_AS(slot.serve(2), rtml::IoError);
  serves_the_first();
  CHECK_THROWS_AS(slot.rollback(), ConfigError);
  write_file(registry.file_of(2), whole);
  CHECK(slot.serve(2));

  AnyLearner other = rtml::make_learner("logistic");
  other.bind(Schema::numeric(2));
  registry.add(other);
  CHECK_THROWS_AS(slot.serve(3), rtml::SchemaError);
  CHECK(slot.read()->version.number == 2);
}

TEST_CASE("Complaint 7: a version has made its warm-up predictions before any reader sees it", "[serve][complaint][threads]") {
  constexpr std::uint64_t warm_up = 300;
  const TemporaryFolder folder;
  Registry registry(folder / "models", of_witnesses());
  for (int i = 1; i <= 30; ++i) registry.add(witness(static_cast<float>(i)));
  ModelSlot slot(registry, sample_schema(), 1, {.warm_up = warm_up});
  std::atomic<bool> stopping{false};
  std::atomic<int> cold{0};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      while (!stopping.load()) {
        const auto served = slot.read();
        if (predictions_of(served) < warm_up) ++cold;
        float score = 0.0F;
        served->model.predict(row_of_42(), {&score, 1});
        if (score != static_cast<float>(served->version.number)) ++torn;
      }
    });
  for (std::uint64_t number = 2; number <= 30; ++number) slot.serve(number);
  stopping = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(cold == 0);
  CHECK(torn == 0);
  CHECK(slot.read()->version.number == 30);
}

TEST_CASE("Warm-up is of the host's rows, else of those kept with the version, else of made ones", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", of_witnesses());
  registry.add(witness(1.0F), {}, {}, std::vector<FeatureVector>{row_of_42(), FeatureVector({0.0F, 0.0F, 0.0F, 0.0F})});
  registry.add(witness(2.0F));
  const auto fate_of = [&](std::uint64_t version, ModelSlot::Options options) {
    const ModelSlot slot(registry, sample_schema(), version, std::move(options));
    const auto served = slot.read();
    const Fate& fate = served->model.as<Witness>()->fate();
    return std::pair(fate.predictions.load(), fate.of_kept_rows.load());
  };
  CHECK(fate_of(1, {.warm_up = 10}) == std::pair<std::uint64_t, std::uint64_t>(10, 5));
  CHECK(fate_of(2, {.warm_up = 10}) == std::pair<std::uint64_t, std::uint64_t>(10, 0));
  CHECK(fate_of(2, {.warm_up = 7, .rows = {row_of_42()}}) == std::pair<std::uint64_t, std::uint64_t>(7, 7));
  CHECK(fate_of(1, {.warm_up = 0}) == std::pair<std::uint64_t, std::uint64_t>(0, 0));
  CHECK_THROWS_AS(ModelSlot(registry, sample_schema(), 1, {.rows = {FeatureVector()}}), ConfigError);
  CHECK_THROWS_AS(ModelSlot(registry, sample_schema(), 1, {.warm_up = 10'000'001}), ConfigError);
}

TEST_CASE("Made rows are of their schema, and the same for the same seed", "[serve]") {
  const auto rows = rtml::made_rows(sample_schema(), 100, 5, 1);
  REQUIRE(rows.size() == 100);
  bool has_last_category = false;
  for (const FeatureVector& row : rows) {
    REQUIRE(row.dense().size() == 4);
    CHECK((row.dense()[3] >= 0.0F && row.dense()[3] <= 3.0F && row.dense()[3] == std::floor(row.dense()[3])));
    has_last_category = has_last_category || row.dense()[3] == 3.0F;
    CHECK(row.sparse().size() == 5);
  }
  CHECK(has_last_category);
  CHECK(rtml::made_rows(sample_schema(), 100, 5, 1) == rows);
  CHECK(rtml::made_rows(sample_schema(), 100, 5, 2) != rows);
  CHECK(rtml::made_rows(Schema::numeric(2), 1, 5, 1)[0].sparse().empty());
}

TEST_CASE("Complaint 7: a reader that lets go of an old version does not destroy it", "[serve][complaint][threads]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", of_witnesses());
  for (int i = 1; i <= 3; ++i) registry.add(witness(static_cast<float>(i)));
  ModelSlot slot(registry, sample_schema(), 1);
  const std::size_t one = slot.memory_bytes();
  std::atomic<bool> holds{false};
  std::atomic<bool> lets_go{false};
  std::thread::id reader_id;
  std::thread reader([&] {
    reader_id = std::this_thread::get_id();
    std::optional<ModelSlot::Guard> guard(slot.read());
    holds = true;
    while (!lets_go) std::this_thread::yield();
    guard.reset();
  });
  while (!holds) std::this_thread::yield();
  slot.serve(2);
  slot.serve(3);
  slot.reclaim();
  CHECK(slot.memory_bytes() > one + (std::size_t{2} << 20U));  // the one that the reader holds is counted
  const int ended = fates_ended;
  lets_go = true;
  reader.join();
  CHECK(fates_ended == ended);
  slot.reclaim();
  CHECK(fates_ended == ended + 1);
  CHECK(last_ended_by.load() == std::this_thread::get_id());
  CHECK(last_ended_by.load() != reader_id);
  CHECK(slot.memory_bytes() < one + (std::size_t{3} << 19U));
}

TEST_CASE("A version goes when it is neither served nor the one before, whatever readers hold of others", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", of_witnesses());
  for (int i = 1; i <= 3; ++i) registry.add(witness(static_cast<float>(i)));
  ModelSlot slot(registry, sample_schema(), 1);
  slot.serve(2);
  const auto guard = slot.read();
  const int ended = fates_ended;
  slot.serve(3);
  CHECK(fates_ended >= ended + 1);
  CHECK(slot.memory_bytes() < std::size_t{3} << 20U);
  CHECK(guard->version.number == 2);
}

TEST_CASE("With readers on too many old versions a new one is refused, and comes when they let go", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models", of_witnesses());
  registry.add(witness(1.0F));
  registry.add(witness(2.0F));
  ModelSlot slot(registry, sample_schema(), 1);
  slot.serve(2);
  std::vector<ModelSlot::Guard> guards;
  std::uint64_t served = 2;
  bool refused = false;
  for (int i = 0; i < 40 && !refused; ++i) {
    guards.push_back(slot.read());
    try {
      served = slot.rollback();
    } catch (const rtml::Error&) {
      refused = true;
    }
  }
  CHECK(refused);
  CHECK(slot.read()->version.number == served);
  guards.clear();
  CHECK(slot.rollback() == 3 - served);
  const std::size_t settled = slot.memory_bytes();
  for (int i = 0; i < 100; ++i) slot.rollback();
  CHECK(slot.memory_bytes() == settled);
}

TEST_CASE("Reading a slot and predicting allocates nothing", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic:bits=8", 100));
  const ModelSlot slot(registry, sample_schema(), 1);
  const auto rows = sample_rows(10);
  float score = 0.0F;
  const rtml::testing::AllocationCounter allocations;
  for (const FeatureVector& row : rows) slot.read()->model.predict(row, {&score, 1});
  const auto count = allocations.count();
  CHECK(count == 0);
}
