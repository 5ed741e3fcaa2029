// Which version knows what is happening now: by its loss, and in time for a concept that comes back.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/metrics/loss.hpp"
#include "rtml/serve/registry.hpp"
#include "serve/serve_samples.hpp"
#include "support/catch.hpp"

using rtml::AnyLearner;
using rtml::ConfigError;
using rtml::Example;
using rtml::FeatureVector;
using rtml::Registry;
using namespace rtml::serve_testing;

namespace {

std::vector<Example> labelled(const std::vector<rtml::FeatureVector>& rows, float sign = 1.0F) {
  std::vector<Example> examples;
  for (const auto& row : rows) examples.push_back({.x = row, .y = sign * row.dense()[0] > 0.0F ? 1.0F : 0.0F});
  return examples;
}

constexpr std::size_t words = 400;

/// Each of 400 words is good or not, and in a turned season the other way round: a season's truth takes long to learn.
std::vector<FeatureVector> words_of(std::size_t count, std::uint64_t seed) {
  auto rows = sample_rows(count, seed);
  rtml::Rng rng(seed);
  for (FeatureVector& row : rows) row.sparse().assign(1, {static_cast<std::uint32_t>(rng.below(words)), 1.0F});
  return rows;
}

std::vector<Example> season(std::span<const FeatureVector> rows, bool turned) {
  std::vector<Example> examples;
  for (const FeatureVector& row : rows) {
    const bool good = (row.sparse()[0].index * 2654435761U >> 7U) % 2 == 0;
    examples.push_back({.x = row, .y = good != turned ? 1.0F : 0.0F});
  }
  return examples;
}

/// Share of examples that a model says right just before it learns them.
double right_while_learning(AnyLearner& model, const std::vector<Example>& examples) {
  double right = 0.0;
  for (const Example& row : examples) {
    float said = 0.0F;
    model.learn(row.x, row.y, row.weight, {&said, 1});
    right += (said > 0.5F) == (row.y == 1.0F) ? 1.0 : 0.0;
  }
  return right / static_cast<double>(examples.size());
}

}  // namespace

TEST_CASE("The version that fits recent rows best is found by its loss", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  const AnyLearner summer = trained("logistic:bits=8", 2000, 1.0F);
  const AnyLearner winter = trained("logistic:bits=8", 2000, -1.0F);
  registry.add(trained("logistic:bits=8", 0));
  registry.add(summer);
  registry.add(winter);
  const auto rows = sample_rows(50, 99);
  for (const float sign : {1.0F, -1.0F}) {
    const auto examples = labelled(rows, sign);
    const auto fits = registry.best_fit(examples, sample_schema());
    REQUIRE(fits.size() == 3);
    CHECK(fits[0].version == (sign > 0 ? 2U : 3U));
    CHECK(fits[1].version == 1);
    CHECK(fits[1].loss == Approx(std::log(2.0)));
    double loss = 0.0;
    for (const Example& row : examples) {
      float score = 0.0F;
      (sign > 0 ? summer : winter).predict(row.x, {&score, 1});
      loss -= std::log(row.y == 1.0F ? static_cast<double>(score) : 1.0 - static_cast<double>(score)) / 50.0;
    }
    CHECK(fits[0].loss == Approx(loss));
  }
  CHECK(registry.best_fit(labelled(rows), sample_schema(), 1).size() == 1);
  CHECK(registry.best_fit(labelled(rows), sample_schema(), 1)[0].version == 3);
  const auto least_output = [](const AnyLearner&, std::span<const float> scores, const Example& row) {
    return static_cast<double>(row.weight * scores[0]);
  };
  CHECK(registry.best_fit(std::vector<Example>{{.x = rows[0]}}, sample_schema(), 16, least_output).size() == 3);

  write_file(registry.file_of(2), Bytes(100));
  const auto fits = registry.best_fit(labelled(rows), sample_schema());
  CHECK(fits[0].version == 1);
  CHECK(fits[2].version == 2);
  CHECK(fits[2].loss == std::numeric_limits<double>::infinity());
  CHECK(!fits[2].refused.empty());
  CHECK_THROWS_AS(registry.best_fit({}, sample_schema()), ConfigError);
  rtml::FeatureVector narrow;
  narrow.dense() = {1.0F};
  CHECK_THROWS_WITH(registry.best_fit(std::vector<Example>{{.x = narrow}}, sample_schema()),
                    "Registry: columns of a row is 1, must be those of the schema");
}

TEST_CASE("When a season comes back, the version that knew it recovers sooner than learning again, warm or fresh", "[serve]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  const auto rows = words_of(8000, 11);
  const auto back = words_of(730, 12);
  const AnyLearner fresh = trained("logistic:bits=12", 0);
  AnyLearner now = fresh;
  for (const bool turned : {false, true}) {
    right_while_learning(now, season(std::span(rows).subspan(turned ? 4000 : 0, 4000), turned));
    registry.add(now);
  }

  const auto first = season(std::span(back).first(30), false);  // what came between the change and its alarm
  const auto after = season(std::span(back).subspan(30), false);
  const auto fits = registry.best_fit(first, sample_schema());
  REQUIRE(fits[0].version == 1);
  AnyLearner recalled = registry.load(fits[0].version, sample_schema()).model;
  AnyLearner again = fresh;
  for (AnyLearner* model : {&recalled, &again, &now}) right_while_learning(*model, first);
  const double right = right_while_learning(recalled, after);
  CAPTURE(right);
  CHECK(right > right_while_learning(again, after) + 0.2);
  CHECK(right > right_while_learning(now, after) + 0.2);
}
