// Who likes which film: a matter of pairs, of which most were never seen. A linear model knows users and films, each by itself.

#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

namespace {

constexpr std::uint32_t people = 300;

struct Showing {
  std::uint32_t user;
  std::uint32_t film;

  std::vector<rtml::SparseFeature> features() const { return {{user, 1.0F}, {people + film, 1.0F}}; }

  /// Users and films are each of one of three kinds; one in ten pairs is kept for the test.
  float liked() const { return user % 3 == film % 3 ? 1.0F : 0.0F; }
  bool kept() const { return rtml::hash_integer(user, film) % 10 == 0; }
};

Showing any(rtml::Rng& rng) { return {static_cast<std::uint32_t>(rng.below(people)), static_cast<std::uint32_t>(rng.below(200))}; }

/// Accuracy on pairs that were never learned from.
double accuracy(rtml::AnyLearner learner) {
  using namespace rtml;
  learner.bind(Schema({{.name = "user and film", .kind = Column::Kind::hashed}}));
  Rng rng(1);
  const std::vector<std::uint32_t> fields{0, 1};  // users, films: for who asks
  std::vector<float> score(1);
  for (int i = 0; i < 40'000; ++i) {
    const Showing showing = any(rng);
    if (!showing.kept()) learner.learn({{}, showing.features()}, showing.liked(), 1.0F, score, {.fields = fields});
  }
  metrics::Whole<metrics::Accuracy> right;
  for (int i = 0; i < 40'000; ++i) {
    const Showing showing = any(rng);
    if (!showing.kept()) continue;
    learner.predict({{}, showing.features()}, score, {.fields = fields});
    right.update(Outcome::binary(score[0], showing.liked()));
  }
  return right.value();
}

}  // namespace

int main() {
  const double linear = accuracy(rtml::make_learner("logistic"));
  const double fm = accuracy(rtml::make_learner("fm"));
  const double ffm = accuracy(rtml::make_learner("ffm:fields=2"));
  fmt::print("accuracy on new pairs: linear {:.3f}, factorization machine {:.3f}, field-aware {:.3f}\n", linear, fm, ffm);
  return linear < 0.75 && fm > 0.95 && ffm > 0.95 ? 0 : 1;
}
