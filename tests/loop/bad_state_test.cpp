// What a loop does with state that was damaged: by a disk, or by somebody who also mended the checksums.

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>

#include "rtml/checkpoint/format.hpp"
#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/thin.hpp"

using namespace loop_test;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::LoopOptions;

namespace {

using Bytes = std::vector<std::byte>;

rtml::FeatureSet<Trade> few_features() {
  using namespace rtml;
  using namespace std::chrono_literals;
  return feature_set<Trade>("few", &Trade::at, numeric("spread", &Trade::spread) | standardize(), category("trader", &Trade::trader),
                            window("trades", field("trader", &Trade::trader), 1min, count()))
      .with({.max_entities = 8, .max_events_per_entity = 2, .shards = 1});
}

// Not a binary one: the histograms of its metrics alone are a hundred kilobytes.
rtml::LinearRegression small_learner() { return rtml::LinearRegression{{.bits = 3}}; }

LoopOptions small_options(const TemporaryFolder& folder) {
  LoopOptions options;
  options.retrain = {.when = rtml::every(10), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{1}), .min_samples = 1};
  options.state = folder.path();
  options.pending = 4;
  options.label_queue = 4;
  options.history = 1;
  options.drift = {.edge_rows = 20,
                   .reference = 20,
                   .window = 20,
                   .scales = 1,
                   .columns = {.bins = 2, .categories = 2},
                   .budget = {.least_effect = 0.4}};
  options.metric_window = 10;
  options.checkpoint_every = 0;
  options.baselines = false;
  return options;
}

Bytes bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  Bytes bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

void write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Opening a loop costs a fifth of a millisecond, and fifty times that under a sanitizer: some 300 places of `size` will do, at a stride that
/// meets every byte of an 8-byte field. tests/checkpoint/ cuts and flips every byte of a file.
std::size_t stride_of(std::size_t size) { return size / 300 | 1U; }

/// Two checkpoints of one loop in a folder: after 12 rows, and after 25.
struct TwoCheckpoints {
  TwoCheckpoints() {
    Loop<Trade> loop(few_features(), small_learner(), small_options(folder));
    run(loop, rows, 0, 12);
    older = folder.path() + "/" + loop.checkpoint();
    model_then = rtml::save(loop.model());
    run(loop, rows, 12, 25);
    newer = folder.path() + "/" + loop.checkpoint();
    whole = bytes_of(newer);
  }

  /// Opens the folder as it is now, and says what is wrong with what the loop made of it.
  std::string wrong_when_opened() const {
    std::size_t refused = 0;
    LoopOptions options = small_options(folder);
    options.on_event = [&](const LoopEvent& event) { refused += event.kind == LoopEvent::Kind::state_refused ? 1U : 0U; };
    try {
      const Loop<Trade> loop(few_features(), small_learner(), options);
      if (refused != 1) return "the host was not told";
      if (loop.resume_offset() != 12) return "not the older checkpoint's offset";
      if (rtml::save(loop.model()) != model_then) return "not the older checkpoint's model";
      return {};
    } catch (const rtml::Error& error) {
      return error.what();
    }
  }

  const std::vector<Trade> rows = trades(40);
  TemporaryFolder folder;
  std::filesystem::path older;
  std::filesystem::path newer;
  Bytes whole;
  std::vector<std::byte> model_then;
};

}  // namespace

TEST_CASE("A checkpoint cut at any byte is passed over for the one before", "[loop][state][hostile]") {
  const TwoCheckpoints kept;
  REQUIRE(kept.whole.size() < 32'768);
  for (std::size_t length = kept.whole.size(); length-- > 0;) {
    if (length % rtml::testing::thin != 0) continue;
    std::filesystem::resize_file(kept.newer, length);
    const std::string wrong = kept.wrong_when_opened();
    CAPTURE(length, wrong);
    if (!wrong.empty()) FAIL_CHECK("opened wrongly");
  }
}

TEST_CASE("A checkpoint with any byte changed is passed over for the one before", "[loop][state][hostile]") {
  const TwoCheckpoints kept;
  Bytes damaged = kept.whole;
  for (std::size_t i = 0; i < damaged.size(); ++i) {
    damaged[i] ^= static_cast<std::byte>(1U << (i % 8));
    if (i % 16 == 0) CHECK_THROWS_AS(rtml::checkpoint::decode(damaged), rtml::FormatError);
    if (i % stride_of(damaged.size()) != 0) {
      damaged[i] = kept.whole[i];
      continue;
    }
    write(kept.newer, damaged);
    const std::string wrong = kept.wrong_when_opened();
    CAPTURE(i, wrong);
    if (!wrong.empty()) FAIL_CHECK("opened wrongly");
    damaged[i] = kept.whole[i];
  }
}

TEST_CASE("Where no older checkpoint is, a damaged one is an error that names the file and opens nothing", "[loop][state][hostile]") {
  const TwoCheckpoints kept;
  std::filesystem::remove(kept.older);
  const auto refused = [&](const char* how, std::size_t at, std::span<const std::byte> bytes) {
    write(kept.newer, bytes);
    std::string said = "it opened";
    try {
      const Loop<Trade> loop(few_features(), small_learner(), small_options(kept.folder));
    } catch (const rtml::Error& error) {
      said = error.what();
    }
    CAPTURE(how, at, said);
    if (said.find(kept.newer.filename().string()) == std::string::npos) FAIL_CHECK("no error that names the file");
  };
  Bytes damaged = kept.whole;
  for (std::size_t i = 0; i < damaged.size(); i += 8 * stride_of(damaged.size())) {
    refused("cut", i, std::span(kept.whole).first(i));
    damaged[i] = ~damaged[i];
    refused("changed", i, damaged);
    damaged[i] = kept.whole[i];
  }
}

TEST_CASE("What a section holds is checked even when its checksums agree: an error, or a loop that works", "[loop][state][hostile]") {
  const TwoCheckpoints kept;
  std::filesystem::remove(kept.older);
  const auto sections = rtml::checkpoint::decode(kept.whole);
  std::size_t errors = 0;
  std::size_t opened = 0;
  const auto open = [&](const std::vector<rtml::checkpoint::Section>& forged) {
    write(kept.newer, rtml::checkpoint::encode(forged));
    try {
      Loop<Trade> loop(few_features(), small_learner(), small_options(kept.folder));
      ++opened;                      // a weight or a count may be any number: it must serve, learn, tell and save nevertheless
      run(loop, kept.rows, 22, 29);  // ids that are kept, and new ones
      const auto report = loop.report();
      if (rtml::save(loop.model()).empty() || report.title.empty()) FAIL_CHECK("a loop that cannot tell");
    } catch (const rtml::Error&) {
      ++errors;
    }
  };
  for (std::size_t s = 0; s < sections.size(); ++s) {
    CAPTURE(sections[s].name);
    auto forged = sections;
    for (std::size_t i = 0; i < sections[s].bytes.size(); i += rtml::testing::thin) {
      CAPTURE(i);
      forged[s].bytes[i] ^= static_cast<std::byte>(i % 2 == 0 ? 0xff : 0x01);  // a number out of all bounds, and one beside the right one
      open(forged);
      forged[s].bytes[i] = sections[s].bytes[i];
    }
    forged = sections;
    for (std::size_t length = 0; length < sections[s].bytes.size(); length += 1 + sections[s].bytes.size() / 50) {
      forged[s].bytes.assign(sections[s].bytes.begin(), sections[s].bytes.begin() + static_cast<std::ptrdiff_t>(length));
      open(forged);
    }
    forged.erase(forged.begin() + static_cast<std::ptrdiff_t>(s));
    open(forged);
  }
  CHECK(errors > 300 / rtml::testing::thin);
  CHECK(opened > 30 / rtml::testing::thin);
}
