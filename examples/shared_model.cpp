// One model, many threads: two learn what users click, one answers meanwhile. Then the same from shards that never met: learned apart, joined.

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

namespace {

struct Visit {
  std::vector<rtml::SparseFeature> words;
  float clicked = 0.0F;

  rtml::Features x() const { return {{}, words}; }
};

/// Three words out of 2000, each for or against a click.
std::vector<Visit> visits(std::size_t n, std::uint64_t seed) {
  rtml::Rng rng(seed);
  std::vector<Visit> all(n);
  for (Visit& visit : all) {
    int votes = 0;
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t word = rng.below(2000);
      votes += rtml::hash_integer(word) % 2 == 0 ? 1 : -1;
      visit.words.push_back({static_cast<std::uint32_t>(rtml::hash_integer(word, 1)), 1.0F});
    }
    visit.clicked = votes > 0 ? 1.0F : 0.0F;
  }
  return all;
}

rtml::LogisticRegression untaught() {
  using namespace rtml;
  LogisticRegression model({.bits = 16});
  model.bind(Schema({{.name = "words", .kind = Column::Kind::hashed}}));
  return model;
}

double accuracy(const rtml::LogisticRegression& model, const std::vector<Visit>& unseen) {
  rtml::metrics::Whole<rtml::metrics::Accuracy> right;
  for (const Visit& visit : unseen) right.update(rtml::Outcome::binary(model.predict(visit.x()), visit.clicked));
  return right.value();
}

}  // namespace

int main() {
  const auto seen = visits(60'000, 1);
  const auto unseen = visits(5'000, 2);

  rtml::Shared shared(untaught());
  std::atomic<bool> done{false};
  std::uint64_t answers = 0;
  std::thread serving([&] {
    for (; !done.load() || answers < 1000; ++answers) shared.predict(unseen[answers % unseen.size()].x());
  });
  const auto learn = [&](std::size_t half) {
    auto learner = shared.learner();  // one for each thread
    for (std::size_t i = half; i < seen.size(); i += 2) learner.learn(seen[i].x(), seen[i].clicked);
  };
  std::thread first(learn, 0);
  std::thread second(learn, 1);
  first.join();
  second.join();
  done = true;
  serving.join();
  const double together = accuracy(shared.snapshot(), unseen);

  std::vector<rtml::LogisticRegression> shards(4, untaught());
  for (std::size_t i = 0; i < seen.size(); ++i) shards[i % 4].learn(seen[i].x(), seen[i].clicked);
  const double apart = accuracy(shards[0], unseen);
  for (std::size_t k = 1; k < 4; ++k) shards[0].merge(shards[k]);
  const double joined = accuracy(shards[0], unseen);

  fmt::print("accuracy: two threads {:.3f}; one shard of four {:.3f}, the four joined {:.3f}\n", together, apart, joined);
  return together > 0.97 && joined > apart ? 0 : 1;
}
