#include "rtml/learn/one_vs_rest.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/baselines.hpp"
#include "rtml/learn/binary.hpp"
#include "rtml/learn/gaussian_naive_bayes.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"
#include "support/streams.hpp"

using namespace rtml;

static_assert(ClassLearner<OneVsRest<LogisticRegression>>);
static_assert(ClassLearner<OneVsRest<Binary<GaussianNaiveBayes>>>);

namespace {

template <class Loss, class Optimizer = MultiRate>
OneVsRest<Linear<Loss, Optimizer>> one_vs_rest_of(int classes) {
  return OneVsRest<Linear<Loss, Optimizer>>({.classes = classes, .learner = Linear<Loss, Optimizer>({.bits = 5})});
}

/// Always the same score.
class ConstantScore {
 public:
  explicit ConstantScore(float score = 0.0F) : score_(score) {}
  void bind(const Schema& /*schema*/) {}
  Task task() const noexcept { return Task::binary; }
  std::uint64_t refused() const noexcept { return 0; }
  float predict(Features /*x*/) const noexcept { return score_; }
  float learn(Features /*x*/, float /*y*/, float /*weight*/ = 1.0F) noexcept { return score_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.score_);
  }

 private:
  float score_;
};

}  // namespace

TEMPLATE_TEST_CASE("OneVsRest is k separate learners, to the bit", "[learn][reference]", Logistic, Hinge) {
  constexpr std::size_t k = 4;
  auto together = one_vs_rest_of<TestType>(static_cast<int>(k));
  std::vector<Linear<TestType>> apart(k, Linear<TestType>({.bits = 5}));
  const Schema schema({{.name = "a"}, {.name = "b"}, {.name = "words", .kind = Column::Kind::hashed}});
  together.bind(schema);
  for (auto& learner : apart) learner.bind(schema);
  std::array<float, k> p{};
  for (const auto& example : testing::labelled_examples({.task = Task::classes, .classes = k, .dense = 2, .sparse = 3}, 1, 500)) {
    std::array<double, k> score{};
    double sum = 0.0;
    int best = 0;
    for (std::size_t c = 0; c < k; ++c) {
      const float alone = apart[c].predict(example.x);
      REQUIRE(std::bit_cast<std::uint32_t>(together.learner(static_cast<int>(c)).predict(example.x)) ==
              std::bit_cast<std::uint32_t>(alone));
      score[c] = static_cast<double>(alone);
      if (score[c] > score[static_cast<std::size_t>(best)]) best = static_cast<int>(c);
      sum += std::is_same_v<TestType, Hinge> ? std::exp(score[c]) : score[c];
    }
    together.predict_proba(example.x, p);
    for (std::size_t c = 0; c < k; ++c)
      CHECK(static_cast<double>(p[c]) ==
            Approx((std::is_same_v<TestType, Hinge> ? std::exp(score[c]) : score[c]) / sum).epsilon(1e-5).margin(1e-9));
    const auto label = static_cast<int>(example.y);
    REQUIRE(together.learn(example.x, label, example.weight) == best);
    for (std::size_t c = 0; c < k; ++c) apart[c].learn(example.x, static_cast<int>(c) == label ? 1.0F : 0.0F, example.weight);
  }
  for (std::size_t c = 0; c < k; ++c) CHECK(save(together.learner(static_cast<int>(c))) == save(apart[c]));
}

TEST_CASE("OneVsRest learns what a line between a class and the others tells", "[learn]") {
  auto model = one_vs_rest_of<Logistic>(3);
  model.bind(Schema::numeric(2));
  Rng rng(3);
  int wrong = 0;
  for (int i = 0; i < 4000; ++i) {  // three sectors of the plane, each apart from the others by a line but for its corner
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const double angle = std::atan2(static_cast<double>(x[1]), static_cast<double>(x[0]));
    const int label = angle < -1.0471975512 ? 0 : (angle < 1.0471975512 ? 1 : 2);
    wrong += static_cast<int>(model.learn({x, {}}, label) != label && i >= 1000);
  }
  CHECK(wrong < 180);  // of 3000
}

TEST_CASE("OneVsRest without a score for any class holds each for as likely", "[learn]") {
  OneVsRest<ConstantScore> model({.classes = 4});
  std::array<float, 5> p{};
  p[4] = 7.0F;
  model.predict_proba({}, p);
  for (std::size_t c = 0; c < 4; ++c) CHECK(p[c] == 0.25F);
  CHECK(p[4] == 7.0F);  // what is beyond the classes is the caller's
  CHECK(model.predict({}) == 0);
}

TEST_CASE("OneVsRest refuses labels that are no class, once", "[learn]") {
  auto model = one_vs_rest_of<Logistic>(3);
  model.bind(Schema::numeric(1));
  const std::vector<float> x = {1.0F};
  for (int i = 0; i < 10; ++i) model.learn({x, {}}, 2);
  for (const int label : {-1, 3, 1'000'000}) CHECK(model.learn({x, {}}, label) == 2);
  CHECK(model.refused() == 3);
  model.learn({x, {}}, 1, -1.0F);
  CHECK(model.refused() == 4);
  auto restored = one_vs_rest_of<Logistic>(3);
  load(restored, save(model));
  CHECK(restored.refused() == 4);
}

TEST_CASE("OneVsRest names the option that is out of range", "[learn][config]") {
  using Model = OneVsRest<LogisticRegression>;
  CHECK_THROWS_WITH(Model({.classes = 1}), "OneVsRest: classes is 1, must be in [2, 256]");
  CHECK_THROWS_WITH(Model({.classes = 257}), "OneVsRest: classes is 257, must be in [2, 256]");
  CHECK_THROWS_WITH(OneVsRest<LinearRegression>(), "OneVsRest: task of the learner is \"regression\", must be binary");
  auto three = one_vs_rest_of<Logistic>(3);
  auto four = one_vs_rest_of<Logistic>(4);
  CHECK_THROWS_AS(load(four, save(three)), FormatError);
}

TEST_CASE("OneVsRest keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(one_vs_rest_of<Logistic>(3), {.nominal = 1, .examples = 200, .archived = 20});
  testing::check_learner(one_vs_rest_of<Hinge, FtrlProximal>(4), {.nominal = 1, .examples = 200, .archived = 20});
  testing::check_learner(OneVsRest<Binary<GaussianNaiveBayes>>({.classes = 3}), {.sparse = 0, .examples = 200, .archived = 20});
  testing::check_learner(OneVsRest<Mean>({.classes = 5, .learner = Mean({.task = Task::binary})}), {.examples = 100});
}
