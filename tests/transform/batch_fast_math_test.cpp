// Compiled with -ffast-math: in a host built so, a batch has the bits of its events too. Never part of a unity build.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "support/catch.hpp"

// All of rtml under another name and as headers alone, else the linker would take the inline functions of other files for these.
#undef RTML_COMPILED
#define rtml rtml_of_fast_batches
#include "rtml/core/rng.hpp"
#include "rtml/core/table.hpp"
#include "rtml/transform/feature_pipeline.hpp"

using namespace rtml;

TEST_CASE("a host built with -ffast-math gets the bits of events in a batch", "[transform][batch][fast-math]") {
#if !defined(__FAST_MATH__)
  WARN("built without -ffast-math: this shows nothing");
#endif
  constexpr std::size_t rows = 400;
  Rng rng(3);
  std::vector<double> values(2 * rows);
  for (double& value : values) {
    value = static_cast<double>(rng.below(4000)) / 7.0 - 100.0;
    const std::uint64_t kind = rng.below(12);
    if (kind == 0) value = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
    if (kind == 1) value = std::bit_cast<double>(std::uint64_t{0x7ff0000000000000});
    if (kind == 2) value = -1e-42;
  }
  std::vector<AnyFeature<Row>> list;
  for (const std::size_t j : {0U, 1U}) {
    const auto of = [&](const char* name) { return numeric(name + std::to_string(j), column(j)); };
    list.emplace_back(of("raw"));
    list.emplace_back(of("log1p") | log1p() | standardize() | clip(0.0F, 2.0F));
    list.emplace_back(of("log") | log() | fill_missing(-3.0F));
    list.emplace_back(of("power") | power(0.3F) | robust() | clip(-1.0F, 0.0F));
    list.emplace_back(of("range") | min_max() | missing_indicator());
    list.emplace_back(of("mean") | fill_with_mean() | polynomial(3));
    list.emplace_back(of("rank") | quantile());
    list.emplace_back(of("band") | bucketize({0.0F, 100.0F}));
  }
  FeaturePipeline<Row> pipeline(feature_set_from<Row>("fast", list));
  const std::array<std::string, 2> names = {"a", "b"};
  const auto row = [&](std::size_t i) { return Row{{}, std::span<const double>(values).subspan(2 * i, 2), {}}; };
  FeatureBatch out;
  for (int round = 0; round < 2; ++round) {
    const Batch batch = pipeline.transform(table_of(values.data(), rows, names), out);
    for (std::size_t i = 0; i < rows; ++i) {
      const Features alone = pipeline(row(i));
      for (std::size_t j = 0; j < alone.dense.size(); ++j) {
        CAPTURE(round, i, pipeline.schema().dense(j).name);
        REQUIRE(std::bit_cast<std::uint32_t>(batch.row(i).dense[j]) == std::bit_cast<std::uint32_t>(alone.dense[j]));
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      pipeline(row(i));
      pipeline.observe(row(i));
    }
  }
}
