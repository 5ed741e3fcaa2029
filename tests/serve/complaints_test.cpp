// What users of other learners complain about, each as a test that it is not so here: models that are damaged when they are saved under load
// or change by it, and predictions that change the model. Loading, tracking and stages have theirs beside ModelSlot, Run and Registry.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/serve/snapshots.hpp"
#include "serve/serve_samples.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace rtml::serve_testing;

TEST_CASE("Complaint 8: a model that is saved under load is whole, changes by it in nothing, and goes on where it was",
          "[serve][complaint][threads]") {
  constexpr std::size_t examples = 4000;
  const std::vector<FeatureVector> rows = sample_rows(examples);
  const auto label_of = [&](std::size_t i) { return rows[i].dense()[0] > 0.0F ? 1.0F : 0.0F; };
  LogisticRegression fresh({.bits = 8});
  fresh.bind(sample_schema());
  Snapshots<LogisticRegression> model(fresh, {.every = 7});

  std::atomic<bool> learning{true};
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> saved[2];
  const auto save_again_and_again = [&](auto& into) {
    for (bool more = true; more;) {
      more = learning.load();
      const auto guard = model.read();
      if (into.empty() || into.back().first != guard.updates()) into.emplace_back(guard.updates(), save(*guard));
    }
  };
  std::thread first([&] { save_again_and_again(saved[0]); });
  std::thread second([&] { save_again_and_again(saved[1]); });
  for (std::size_t i = 0; i < examples; ++i) model.learn(rows[i], label_of(i));
  while (!model.publish()) std::this_thread::yield();
  learning.store(false);
  first.join();
  second.join();

  for (auto& states : saved) {
    REQUIRE(states.back().first == examples);
    LogisticRegression undisturbed = fresh;
    std::size_t learned = 0;
    for (const auto& [updates, bytes] : states) {
      for (; learned < updates; ++learned) undisturbed.learn(rows[learned], label_of(learned));
      REQUIRE(save(undisturbed) == bytes);
    }
    LogisticRegression resumed({.bits = 8});
    load(resumed, states.front().second);
    for (std::size_t i = states.front().first; i < examples; ++i) resumed.learn(rows[i], label_of(i));
    CHECK(save(resumed) == states.back().second);
  }
}

TEST_CASE("Complaint 9: predicting changes no learner, and gives the same to the bit again", "[serve][complaint]") {
  Rng rng(2);
  std::vector<FeatureVector> rows(300);
  for (FeatureVector& row : rows)
    for (int i = 0; i < 3; ++i) row.dense().push_back(static_cast<float>(rng.normal()));
  for (const std::string& name : learner_names()) {
    CAPTURE(name);
    AnyLearner model = make_learner(name);
    model.bind(Schema::numeric(3));
    std::vector<float> answer(model.outputs());
    for (const FeatureVector& row : rows) model.learn(row, row.dense()[0] > 0.0F ? 1.0F : 0.0F, 1.0F, answer);
    const auto before = save(model);
    std::vector<std::vector<float>> scores[2];
    for (auto& pass : scores)
      for (const FeatureVector& row : rows) {
        model.predict(row, answer);
        pass.push_back(answer);
      }
    CHECK(scores[0] == scores[1]);
    CHECK(save(model) == before);
  }
}
