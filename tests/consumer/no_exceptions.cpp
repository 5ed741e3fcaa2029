#include <array>
#include <rtml/core/any_learner.hpp>
#include <rtml/core/features.hpp>
#include <rtml/core/finite.hpp>
#include <rtml/core/math.hpp>
#include <rtml/core/rng.hpp>
#include <rtml/core/schema.hpp>
#include <rtml/drift/adwin.hpp>
#include <rtml/drift/ddm.hpp>
#include <rtml/drift/page_hinkley.hpp>
#include <rtml/learn/baselines.hpp>
#include <rtml/learn/bayesian_linear.hpp>
#include <rtml/learn/gaussian_naive_bayes.hpp>
#include <rtml/learn/linear.hpp>
#include <rtml/learn/one_vs_rest.hpp>
#include <rtml/learn/softmax.hpp>
#include <rtml/loop.hpp>  // the loop itself is in the compiled core: here it need only compile
#include <rtml/transform/feature_set.hpp>

#include "check.hpp"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "compiled without exceptions and RTTI, or it shows nothing"
#endif

namespace {
struct Event {
  double value = 0.0;
};
}  // namespace

int main() {
  Check check;
  const rtml::FeatureVector x({1.0F, 2.0F}, {{7, 0.5F}});
  check(rtml::is_usable(x, 1.0F, 1.0F), "an example is usable");
  check(rtml::math::exp(0.0F) > 0.999F, "exp(0) is 1");

  rtml::AnyLearner learner(rtml::LogisticRegression{});
  learner.bind(rtml::Schema::numeric(2));
  std::array<float, 1> score = {};
  for (int i = 0; i < 100; ++i)
    learner.learn(rtml::FeatureVector({1.0F, i % 2 == 0 ? 1.0F : -1.0F}), i % 2 == 0 ? 1.0F : 0.0F, 1.0F, score);
  learner.predict(rtml::FeatureVector({1.0F, 1.0F}), score);
  check(score[0] > 0.5F, "a learner learns");
  check(rtml::drift::PageHinkley().update(0.0) == rtml::Change::none, "a detector watches");

  const auto features = rtml::feature_set<Event>("events-v1", rtml::numeric("value", &Event::value));
  const auto windows = features.make_windows();
  std::array<float, 1> dense = {};
  rtml::FeatureOutput out{dense, {}, {}};
  features.compute(Event{3.0}, features.make_fitted(), windows, out);
  check(out.features().dense[0] > 2.9F, "features are computed");
  return check.exit_code();
}
