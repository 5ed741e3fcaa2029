#include "rtml/transform/encoding.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;

static_assert(Mergeable<FittedTables> && Checkpointable<FittedTables> && Sized<FittedTables>);

namespace {

struct ShopVisit {
  std::string shop;
  int city = 0;
  std::string text = {};
};

ShopVisit shop_visit(Rng& rng) {
  ShopVisit drawn{std::string("shop").append(std::to_string(rng.below(12))), static_cast<int>(rng.below(4))};
  for (std::size_t n = rng.below(6); n > 0; --n) drawn.text += std::string("w").append(std::to_string(rng.below(9))) + " ";
  return drawn;
}

auto encoded() {
  return feature_set<ShopVisit>("visits", category("seen", &ShopVisit::shop) | count_encoding(20),
                                category("rate", &ShopVisit::shop) | target_encoding(5.0F, 20),
                                cross("both", category("shop", &ShopVisit::shop), category("city", &ShopVisit::city)) |
                                    target_encoding(2.0F, 20) | missing_indicator(),
                                words("text", &ShopVisit::text, 8) | tf_idf(20));
}

/// Labels of a value and their number.
struct Labels {
  double count = 0.0;
  double sum = 0.0;
};

double smoothed(const Labels& own, const Labels& all, double smoothing) {
  return (own.sum + smoothing * all.sum / all.count) / (own.count + smoothing);
}

}  // namespace

TEST_CASE("Encodings are of what was seen and labelled before, never of the event itself", "[transform][encoding][property]") {
  FeaturePipeline<ShopVisit> pipeline(encoded());
  Rng rng(3);
  std::map<std::string, double> seen;
  std::map<std::string, Labels> of_shop;
  std::map<std::string, Labels> of_both;
  Labels all;
  struct Waiting {
    ShopVisit visit;
    std::vector<float> inputs;
    float y;
    float weight;
  };
  std::vector<Waiting> waiting;
  for (int i = 0; i < 3000; ++i) {
    const ShopVisit event = shop_visit(rng);
    const std::string both = event.shop + "|" + std::to_string(event.city);
    const Features x = pipeline(event);
    REQUIRE(x.dense[0] == static_cast<float>(seen[event.shop]));
    if (all.count == 0.0) {
      REQUIRE(std::isnan(x.dense[1]));
      REQUIRE(x.dense[2] == 0.0F);
      REQUIRE(x.dense[3] == 1.0F);
    } else {
      REQUIRE(x.dense[1] == Approx(smoothed(of_shop[event.shop], all, 5.0)));
      REQUIRE(x.dense[2] == Approx(smoothed(of_both[both], all, 2.0)));
      REQUIRE(x.dense[3] == 0.0F);
    }
    pipeline.observe(event);
    seen[event.shop] += 1.0;
    const float y = rng.uniform() < 0.1 * static_cast<double>(event.city) ? 1.0F : 0.0F;
    waiting.push_back({event, {pipeline.fit_inputs().begin(), pipeline.fit_inputs().end()}, y, rng.uniform() < 0.3 ? 2.0F : 1.0F});
    while (!waiting.empty() && rng.uniform() < 0.5) {  // labels come late and in any order
      const std::size_t at = rng.below(waiting.size());
      const Waiting due = waiting[at];
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
      pipeline.label(due.inputs, due.y, due.weight);
      const auto weight = static_cast<double>(due.weight);
      for (Labels* labels : {&all, &of_shop[due.visit.shop], &of_both[due.visit.shop + "|" + std::to_string(due.visit.city)]}) {
        labels->count += weight;
        labels->sum += weight * static_cast<double>(due.y);
      }
    }
  }
}

TEST_CASE("tf-idf weighs a word by how many texts had it before", "[transform][encoding][text][property]") {
  FeaturePipeline<ShopVisit> pipeline(encoded());
  Rng rng(4);
  std::map<std::uint32_t, double> with;
  double texts = 0.0;
  for (int i = 0; i < 2000; ++i) {
    const ShopVisit event = shop_visit(rng);
    std::set<std::uint32_t> words;
    for (const SparseFeature& word : pipeline(event).sparse) {
      REQUIRE(word.value == Approx(1.0 + std::log((1.0 + texts) / (1.0 + with[word.index]))).epsilon(1e-5));
      words.insert(word.index);
    }
    pipeline.observe(event);
    for (const std::uint32_t word : words) with[word] += 1.0;
    if (!words.empty()) texts += 1.0;
  }
  CHECK(pipeline({"", 0, "w1 w1 w2"}).sparse.size() == 3);  // what comes twice counts twice
  std::string many;
  for (int i = 0; i < 50; ++i) many += std::string("v").append(std::to_string(i)) + " ";
  CHECK(pipeline({"", 0, many}).sparse.size() == 8);
}

TEST_CASE("A word that is in every text weighs 1, a new one more", "[transform][encoding][text][reference]") {
  FeaturePipeline<ShopVisit> pipeline(feature_set<ShopVisit>("texts", words("text", &ShopVisit::text) | ngrams(1, 1) | tf_idf()));
  for (int i = 0; i < 9; ++i) {
    const ShopVisit event{"", 0, i < 4 ? "the cat" : "the dog"};
    pipeline(event);
    pipeline.observe(event);
  }
  const auto x = pipeline({"", 0, "the cat purrs"}).sparse;
  REQUIRE(x.size() == 3);
  CHECK(x[0].value == Approx(1.0));
  CHECK(x[1].value == Approx(1.0 + std::log(10.0 / 5.0)).epsilon(1e-6));
  CHECK(x[2].value == Approx(1.0 + std::log(10.0)).epsilon(1e-6));
}

TEST_CASE("Tables merge in any order, and save, load and continue is continue", "[transform][encoding][merge]") {
  const auto drawn = [](std::uint64_t seed, int n, FeaturePipeline<ShopVisit>& pipeline, Fitted& fitted) {
    Rng rng(seed);
    for (int i = 0; i < n; ++i) {
      pipeline(shop_visit(rng));
      fitted.observe(pipeline.fit_inputs());
      fitted.label(pipeline.fit_inputs(), rng.uniform() < 0.3 ? 1.0F : 0.0F);
    }
  };
  FeaturePipeline<ShopVisit> pipeline(encoded());
  Fitted a = pipeline.fitted();
  Fitted b = a;
  drawn(1, 300, pipeline, a);
  drawn(2, 500, pipeline, b);
  Fitted ab = a;
  Fitted ba = b;
  ab.merge(b);
  ba.merge(a);
  CHECK(save(ab) == save(ba));
  Fitted both = pipeline.fitted();
  drawn(1, 300, pipeline, both);
  drawn(2, 500, pipeline, both);
  CHECK(save(both) == save(ab));

  Fitted loaded = pipeline.fitted();
  load(loaded, save(a));
  drawn(3, 200, pipeline, a);
  drawn(3, 200, pipeline, loaded);
  CHECK(save(loaded) == save(a));
}

TEST_CASE("What no cell is, or no label, is counted nowhere", "[transform][encoding][hostile]") {
  FittedTables tables({{1, FittedTables::Kind::counts, 4, 1}, {2, FittedTables::Kind::labels, 4, 1}});
  const auto before = save(tables);
  for (const float input : {-1.0F, 16.0F, 0.5F, 1e30F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    tables.observe(std::vector<float>{input, input});
    tables.label(std::vector<float>{input, input}, 1.0F, 1.0F);
  }
  const std::vector<float> sound{3.0F, 3.0F};
  tables.label(sound, std::numeric_limits<float>::quiet_NaN(), 1.0F);
  tables.label(sound, 1.0F, 0.0F);
  tables.label(sound, 1.0F, -1.0F);
  tables.label(sound, 1.0F, std::numeric_limits<float>::infinity());
  CHECK(save(tables) == before);
  tables.observe(sound);
  CHECK(tables.count(0, 3) == 1.0);
  CHECK(tables.count(0) == 1.0);
  CHECK(tables.count(1) == 0.0);
}

TEST_CASE("Encodings allocate nothing for an event, and a changed one is another feature", "[transform][encoding]") {
  FeaturePipeline<ShopVisit> pipeline(encoded());
  Rng rng(5);
  const ShopVisit event = shop_visit(rng);
  pipeline(event);
  pipeline.observe(event);
  const testing::AllocationCounter counter;
  for (int i = 0; i < 10; ++i) {
    pipeline(event);
    pipeline.observe(event);
    pipeline.label(pipeline.fit_inputs(), 1.0F);
  }
  const auto allocated = counter.count();
  CHECK(allocated == 0);

  const auto fingerprint = [](auto feature) { return feature_set<ShopVisit>("v", feature).schema().fingerprint(); };
  const auto shop = category("shop", &ShopVisit::shop);
  const std::set<std::uint64_t> all = {
      fingerprint(shop),
      fingerprint(shop | count_encoding()),
      fingerprint(shop | count_encoding(8)),
      fingerprint(shop | target_encoding()),
      fingerprint(shop | target_encoding(1.0F)),
      fingerprint(shop | target_encoding(20.0F, 8)),
      fingerprint(words("shop", &ShopVisit::shop)),
      fingerprint(words("shop", &ShopVisit::shop) | tf_idf()),
      fingerprint(words("shop", &ShopVisit::shop) | tf_idf(8)),
  };
  CHECK(all.size() == 9);
  CHECK_THROWS_WITH(count_encoding(25), "count_encoding: bits is 25, must be in [1, 24]");
  CHECK_THROWS_WITH(target_encoding(0.0F), "target_encoding: smoothing is 0, must be above 0");
  CHECK_THROWS_WITH(tf_idf(0), "tf_idf: bits is 0, must be in [1, 24]");
}
