// Models that are served from a mapped checkpoint: the same bits, without a copy, until they learn.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/nag.hpp"
#include "rtml/learn/shared.hpp"
#include "support/catch.hpp"

namespace {

using rtml::AnyLearner;
using rtml::Linear;
using rtml::LogisticRegression;
using rtml::Rng;
using rtml::SparseFeature;
using rtml::checkpoint::Checkpoint;
using rtml::checkpoint::Compression;
using rtml::checkpoint::Section;
using rtml::checkpoint::testing::TemporaryFolder;

constexpr unsigned mapped_bits = 14;
constexpr std::size_t mapped_table = (std::size_t{1} << mapped_bits) * 4 * sizeof(float);

template <class Model>
void learn_rows(Model& model, std::uint64_t seed, std::size_t rows) {
  Rng rng(seed);
  std::vector<SparseFeature> sparse(20);
  for (std::size_t n = 0; n < rows; ++n) {
    for (SparseFeature& feature : sparse) feature = {static_cast<std::uint32_t>(rng()), 1.0F};
    const float y = rng.uniform() < 0.4 ? 1.0F : 0.0F;
    if constexpr (requires { model.outputs(); }) {
      float before = 0.0F;
      model.learn({{}, sparse}, y, 1.0F, {&before, 1});
    } else {
      model.learn({{}, sparse}, y);
    }
  }
}

template <class Model>
std::vector<float> scores_of(const Model& model) {
  Rng rng(99);
  std::vector<float> scores;
  std::vector<SparseFeature> sparse(20);
  for (std::size_t n = 0; n < 300; ++n) {
    for (SparseFeature& feature : sparse) feature = {static_cast<std::uint32_t>(rng()), 1.0F};
    if constexpr (requires { model.outputs(); }) {
      model.predict({{}, sparse}, {&scores.emplace_back(), 1});
    } else {
      scores.push_back(model.predict({{}, sparse}));
    }
  }
  return scores;
}

template <class Model>
Model bound(Model model) {
  model.bind(rtml::Schema({{.name = "words", .kind = rtml::Column::Kind::hashed}}));
  return model;
}

Checkpoint written(const TemporaryFolder& folder, const auto& model, Compression compression = Compression::none) {
  rtml::Writer writer = rtml::Writer::borrowing();
  writer(std::string("something before"), model);
  rtml::Writer plain;
  plain(std::string("something before"), model);
  const Section section = Section::of("model", std::move(writer));
  CHECK(section == Section::of("model", std::move(plain)));
  rtml::Writer alone = rtml::Writer::borrowing();
  alone(model);
  const Section sections[] = {{"other", std::vector<std::byte>(77)}, Section::of("model", std::move(alone))};
  rtml::checkpoint::write_file(folder / "model.rtml", sections, compression);
  return Checkpoint::open(folder / "model.rtml");
}

}  // namespace

TEST_CASE("A model restored from a mapped file answers as the saved one, its weights where they lie", "[checkpoint][mapped]") {
  const TemporaryFolder folder;
  LogisticRegression model = bound(LogisticRegression({.bits = mapped_bits}));
  learn_rows(model, 1, 3000);  // most of the weights
  LogisticRegression mapped({.bits = mapped_bits});
  {
    const Checkpoint checkpoint = written(folder, model);
    checkpoint.restore("model", mapped);
  }  // the model keeps what it needs
  std::filesystem::remove(folder / "model.rtml");
  CHECK(scores_of(mapped) == scores_of(model));
  CHECK(mapped.memory_bytes() + mapped_table <= model.memory_bytes() + 1024);
  CHECK(rtml::save(mapped) == rtml::save(model));

  const LogisticRegression before = mapped;
  const std::vector<float> served = scores_of(model);
  learn_rows(mapped, 2, 50);
  learn_rows(model, 2, 50);
  CHECK(rtml::save(mapped) == rtml::save(model));
  CHECK(scores_of(before) == served);  // a copy that has not learned still reads the file, which nobody changed
  CHECK(mapped.memory_bytes() >= mapped_table);
}

TEST_CASE("Models that share one mapped file learn apart, merge and are shared by threads", "[checkpoint][mapped]") {
  const TemporaryFolder folder;
  LogisticRegression model = bound(LogisticRegression({.bits = mapped_bits}));
  learn_rows(model, 1, 3000);
  const Checkpoint checkpoint = written(folder, model);
  LogisticRegression a({.bits = mapped_bits});
  LogisticRegression b({.bits = mapped_bits});
  LogisticRegression c({.bits = mapped_bits});
  for (LogisticRegression* each : {&a, &b, &c}) checkpoint.restore("model", *each);
  learn_rows(a, 3, 20);
  CHECK(scores_of(b) == scores_of(model));
  b.merge(a);
  LogisticRegression merged = model;
  LogisticRegression more = model;
  learn_rows(more, 3, 20);
  merged.merge(more);
  CHECK(rtml::save(b) == rtml::save(merged));
  CHECK(rtml::save(c) == rtml::save(model));

  rtml::Shared shared(std::move(c));
  auto learner = shared.learner();
  learn_rows(learner, 3, 20);
  CHECK(rtml::save(shared.snapshot()) == rtml::save(more));
}

TEST_CASE("Erased, compressed or with cells that cannot be mapped, a model is restored all the same", "[checkpoint][mapped]") {
  const TemporaryFolder folder;
  AnyLearner model = bound(AnyLearner(LogisticRegression({.bits = mapped_bits})));
  learn_rows(model, 1, 3000);
  for (const Compression compression : {Compression::none, Compression::zstd}) {
    AnyLearner mapped = LogisticRegression({.bits = mapped_bits});
    written(folder, model, compression).restore("model", mapped);
    if (compression == Compression::none) CHECK(mapped.memory_bytes() + mapped_table <= model.memory_bytes() + 1024);
    CHECK(scores_of(mapped) == scores_of(model));
    CHECK(rtml::save(mapped) == rtml::save(model));
  }
  Linear<rtml::Logistic, rtml::Nag> odd = bound(Linear<rtml::Logistic, rtml::Nag>({.bits = 8}));  // three floats in a cell of four
  learn_rows(odd, 1, 500);
  Linear<rtml::Logistic, rtml::Nag> restored({.bits = 8});
  written(folder, odd).restore("model", restored);
  CHECK(scores_of(restored) == scores_of(odd));
}

TEST_CASE("A table that is written whole is read whole from bytes at any place, and cut or damaged it is refused",
          "[checkpoint][mapped][hostile]") {
  LogisticRegression model = bound(LogisticRegression({.bits = 8}));
  learn_rows(model, 1, 300);
  const std::vector<std::byte> bytes = rtml::save(model);
  REQUIRE(bytes.size() > 4096);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(shift);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    LogisticRegression restored({.bits = 8});
    rtml::load(restored, std::span(moved).subspan(shift));
    CHECK(rtml::save(restored) == bytes);
  }
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    LogisticRegression restored({.bits = 8});
    CHECK_THROWS_AS(rtml::load(restored, std::span(bytes).first(size)), rtml::FormatError);
  }
  LogisticRegression other({.bits = 9});
  CHECK_THROWS_AS(rtml::load(other, bytes), rtml::FormatError);
}

TEST_CASE("A table of weights as it was written by version 1 is read", "[checkpoint][mapped][golden]") {
  rtml::Writer writer;
  writer.header("HashedTable", 1);
  writer(std::uint64_t{16}, std::vector<std::uint32_t>{3, 7}, std::vector<float>{1.0F, 2.0F, 3.0F, 4.0F});
  rtml::detail::HashedTable<2> table;
  rtml::Reader reader(writer.bytes());
  rtml::detail::HashedTable<2>::archive(
      table, reader, [](const auto&) { return true; }, 4);
  reader.finish();
  CHECK(table[7] == std::array<float, 2>{3.0F, 4.0F});
  CHECK(table[3] == std::array<float, 2>{1.0F, 2.0F});
  CHECK(table[0] == std::array<float, 2>{});
}
