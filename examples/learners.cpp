// Online learners by themselves: predict, learn, explain, save and load, without a loop around them.

#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  const Schema schema({{.name = "temperature"}, {.name = "pressure"}});

  // A binary learner: P(failure). Nothing to tune, nothing to scale.
  LogisticRegression failure;
  failure.bind(schema);
  Rng rng(1);
  metrics::Whole<metrics::Accuracy> accuracy;
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<float> x{static_cast<float>(60.0 + 10.0 * rng.normal()), static_cast<float>(rng.normal())};
    const float y = (x[0] - 60.0F) / 10.0F + 2.0F * x[1] > 0.0F ? 1.0F : 0.0F;
    const float before = failure.learn({x, {}}, y);  // returns what it said just before: prequential evaluation for nothing
    accuracy.update(Outcome::binary(before, y));
  }
  fmt::print("prequential accuracy {:.3f}\n", accuracy.value());

  // Why: each column's share of the margin.
  const std::vector<float> hot{75.0F, 0.5F};
  std::vector<float> parts(2);
  failure.contributions({hot, {}}, parts, {});
  fmt::print("P(failure) = {:.3f}: temperature {:+.2f}, pressure {:+.2f}\n", failure.predict({hot, {}}), parts[0], parts[1]);

  // State is a value: saved and loaded it goes on bit for bit.
  LogisticRegression copy;
  load(copy, save(failure));
  const bool same = copy.predict({hot, {}}) == failure.predict({hot, {}});

  // Learners by name, their type erased.
  AnyLearner price = make_learner("linear:optimizer=ftrl,l1=0.001");
  price.bind(Schema::numeric(2));
  std::vector<float> before(price.outputs());
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<float> x{static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    price.learn({x, {}}, 3.0F * x[0] + 1.0F, 1.0F, before);
  }
  const std::vector<float> one{1.0F, 0.0F};
  price.predict({one, {}}, before);
  fmt::print("3 x + 1 at 1 is {:.2f}; restored learner agrees: {}\n", before[0], same);
  return accuracy.value() > 0.9 && same && before[0] > 3.5F && before[0] < 4.5F ? 0 : 1;
}
