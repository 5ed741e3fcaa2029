#include "rtml/stream/prequential.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "rtml/stream/make_stream.hpp"
#include "support/catch.hpp"

using rtml::AnyLearner;
using rtml::Features;
using rtml::Row;
using rtml::Schema;
using rtml::Task;
using rtml::stream::Delay;
using rtml::stream::prequential;
using rtml::stream::PrequentialOptions;
using rtml::stream::Source;
using rtml::stream::SourceColumn;

namespace {

/// Answers the label it learned last, and remembers the order of what was asked of it.
struct LastLabel {
  static constexpr std::string_view name = "last_label";

  void bind(const Schema&) {}
  Task task() const noexcept { return Task::binary; }
  std::uint64_t refused() const noexcept { return 0; }
  float predict(Features) const noexcept { return last; }
  float learn(Features x, float y, float weight = 1.0F) noexcept {
    const float before = last;
    last = y * weight;
    if (x.dense[0] != seen) in_order = false;
    seen += 1.0F;
    return before;
  }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.last, self.seen);
  }

  float last = 0.0F;
  float seen = 0.0F;  // the number of the row that should be learned from next
  bool in_order = true;
};

/// Row i has the number i, comes at second i, and its label is 1 in blocks of `block` rows; every `gap`-th label is missing.
class Blocks final : public Source {
 public:
  Blocks(int n, int block, int gap = 0) : n_(n), block_(block), gap_(gap) {}
  std::string_view name() const noexcept override { return "blocks"; }
  std::span<const SourceColumn> columns() const noexcept override { return columns_; }
  Task task() const noexcept override { return Task::binary; }
  bool next(Row& row, float& y) override {
    if (at_ == n_) return false;
    number_ = at_;
    row = {rtml::from_unix_seconds(at_), {&number_, 1}, {&text_, 1}};
    y = gap_ != 0 && at_ % gap_ == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(at_ / block_ % 2);
    ++at_;
    return true;
  }

 private:
  int n_;
  int block_;
  int gap_;
  int at_ = 0;
  double number_ = 0.0;
  std::string_view text_;
  std::vector<SourceColumn> columns_{{"number"}};
};

/// The row's number as the only feature; counts what it was shown.
struct Number {
  Features operator()(const Row& row) {
    value = static_cast<float>(row.numbers[0]);
    return {{&value, 1}, {}};
  }
  void observe(const Row& row) {
    in_order = in_order && row.numbers[0] == observed;
    observed += 1.0;
  }

  float value = 0.0F;
  double observed = 0.0;
  bool in_order = true;
};

}  // namespace

TEST_CASE("prequential predicts each row before it learns its label", "[stream][prequential]") {
  AnyLearner learner{LastLabel{}};
  Blocks source(1000, 10);
  Number features;
  const auto result = prequential(learner, source, features, {.checkpoint_every = 100, .window = 50});
  CHECK(result.rows == 1000);
  CHECK(result.labels == 1000);
  CHECK(result.value("accuracy") == 0.901);  // wrong at each of the 99 changes
  CHECK(learner.as<LastLabel>()->in_order);
  CHECK(features.in_order);
  CHECK(features.observed == 1000.0);
  REQUIRE(result.checkpoints.size() == 10);
  CHECK(result.checkpoints[9].rows == 1000);
  REQUIRE(result.metrics[0].name() == "accuracy");
  CHECK(result.checkpoints[9].values[0] == 0.9);
  CHECK(rtml::is_nan(result.value("mae")));
}

TEST_CASE("with a delay the label comes late, and counts against the score that was served", "[stream][prequential]") {
  for (const Delay delay : {Delay::of_rows(10), Delay::of_time(std::chrono::seconds(10))}) {
    AnyLearner learner{LastLabel{}};
    Blocks source(1000, 10);
    const auto result = prequential(learner, source, Number{}, {.delay = delay});
    CHECK(result.rows == 1000);
    CHECK(result.labels == 990);
    CHECK(learner.as<LastLabel>()->in_order);
    // Row i is predicted from the label of row i - 11: of the block before (wrong), or, for the first row of a block, of the one before
    // that (right). The first block is right by itself.
    CHECK(result.value("accuracy") == Approx((10.0 + 97.0) / 990.0).epsilon(0.02));
    CHECK(result.lost == 0);
  }
}

TEST_CASE("prequential skips missing labels, stops at the limit, and loses what nobody waits for", "[stream][prequential]") {
  AnyLearner learner{LastLabel{}};
  Blocks gaps(100, 10, 4);
  const auto skipped = prequential(learner, gaps, Number{}, {});
  CHECK(skipped.rows == 100);
  CHECK(skipped.unlabelled == 25);
  CHECK(skipped.labels == 75);
  CHECK(skipped.metrics[0].refused() == 0);

  AnyLearner second{LastLabel{}};
  Blocks source(100, 10);
  CHECK(prequential(second, source, Number{}, {.limit = 30}).rows == 30);
  CHECK(prequential(second, source, Number{}, {.delay = Delay::of_time(std::chrono::hours(1)), .max_pending = 5}).lost == 65);
}

TEST_CASE("prequential refuses a learner of another task", "[stream][prequential][config]") {
  class Numbers final : public Source {
   public:
    std::string_view name() const noexcept override { return "numbers"; }
    std::span<const SourceColumn> columns() const noexcept override { return {}; }
    Task task() const noexcept override { return Task::regression; }
    bool next(Row&, float&) override { return false; }
  };
  AnyLearner learner{LastLabel{}};
  Numbers source;
  CHECK_THROWS_WITH(prequential(learner, source, Number{}), "prequential: task is \"binary\", must be the source's, regression");
}
