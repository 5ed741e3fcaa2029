#include "rtml/core/concepts.hpp"

#include <memory>
#include <vector>

#include "core/toy_learners.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;
using testing::ToyDetector;
using testing::ToyLogistic;
using testing::ToySoftmax;

namespace {

/// Has everything of a scalar learner; each type below takes one thing away or changes it.
struct Model {
  void bind(const Schema&) {}
  Task task() const noexcept { return Task::binary; }
  std::uint64_t refused() const noexcept { return 0; }
  float predict(Features) const noexcept { return 0.0F; }
  float learn(Features, float, float = 1.0F) noexcept { return 0.0F; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self&, Ar&) {}
};
struct PredictChanges : Model {
  float predict(Features) noexcept { return 0.0F; }
};
struct PredictMayThrow : Model {
  float predict(Features) const { return 0.0F; }
};
struct PredictsDouble : Model {
  double predict(Features) const noexcept { return 0.0; }
};
struct LearnNeedsWeight : Model {
  float learn(Features, float, float) noexcept { return 0.0F; }
};
struct LearnsSilently : Model {
  void learn(Features, float, float = 1.0F) noexcept {}
};
struct LearnMayThrow : Model {
  float learn(Features, float, float = 1.0F) { return 0.0F; }
};
struct DoesNotCount : Model {
  void refused() const noexcept {}
};
struct HasNoSize : Model {
  void memory_bytes() const noexcept {}
};
struct IsNotBound : Model {
  void bind() {}
};
struct IsNotCopied : Model {
  std::unique_ptr<int> state;
};
struct IsOnlyWritten : Model {
  static void archive(const IsOnlyWritten&, Writer&) {}
};

static_assert(ScalarLearner<Model> && ScalarLearner<ToyLogistic<>> && !ScalarLearner<ToySoftmax>);
static_assert(!ScalarLearner<PredictChanges> && !ScalarLearner<PredictMayThrow> && !ScalarLearner<PredictsDouble>);
static_assert(!ScalarLearner<LearnNeedsWeight> && !ScalarLearner<LearnsSilently> && !ScalarLearner<LearnMayThrow>);
static_assert(!ScalarLearner<DoesNotCount> && !ScalarLearner<HasNoSize> && !ScalarLearner<IsNotBound>);
static_assert(!ScalarLearner<IsNotCopied> && !ScalarLearner<IsOnlyWritten> && !ScalarLearner<AnyLearner> && !ScalarLearner<int>);

struct ProbabilitiesMayThrow : ToySoftmax {
  using ToySoftmax::ToySoftmax;
  void predict_proba(Features, std::span<float>) const {}
};
struct ClassesAreSizes : ToySoftmax {
  using ToySoftmax::ToySoftmax;
  std::size_t classes() const noexcept { return 2; }
};
static_assert(ClassLearner<ToySoftmax> && !ClassLearner<Model> && !ClassLearner<ProbabilitiesMayThrow> && !ClassLearner<ClassesAreSizes>);

struct SaysBool : ToyDetector<> {
  bool update(double) noexcept { return false; }
};
struct ResetMayThrow : ToyDetector<> {
  void reset() {}
};
static_assert(ChangeDetector<ToyDetector<>> && !ChangeDetector<SaysBool> && !ChangeDetector<ResetMayThrow> && !ChangeDetector<Model>);

static_assert(Checkpointable<Rng> && Checkpointable<Schema> && Checkpointable<FeatureVector> && !Checkpointable<IsOnlyWritten> &&
              !Checkpointable<std::vector<float>>);
static_assert(Sized<Schema> && Sized<AnyLearner> && !Sized<HasNoSize> && !Sized<Rng>);
static_assert(Explainable<ToyLogistic<>> && !Explainable<Model> && !Explainable<ToySoftmax>);

struct Sum {
  void merge(const Sum& other) noexcept { total += other.total; }
  double total = 0.0;
};
static_assert(Mergeable<Sum> && !Mergeable<Model>);

struct Hits {
  void update(const Outcome&) noexcept {}
  double value() const noexcept { return 0.0; }
  void reset() noexcept {}
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self&, Ar&) {}
};
struct FloatHits : Hits {
  float value() const noexcept { return 0.0F; }
};
static_assert(Metric<Hits> && !Metric<FloatHits> && !Metric<Model>);

}  // namespace

TEST_CASE("the concepts take what has their shape and refuse what misses one part", "[core]") {
  SUCCEED("decided when this file was compiled");
}
