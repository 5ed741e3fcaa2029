#include "rtml/serve/score_batch.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/baselines.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/learn/softmax.hpp"
#include "rtml/serve/snapshots.hpp"
#include "rtml/stream/arrow_table.hpp"
#include "rtml/stream/csv_table.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "stream/arrow_producer.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<std::uint32_t> bits_of_scores(std::span<const float> scores) {
  std::vector<std::uint32_t> bits;
  for (const float score : scores) bits.push_back(std::bit_cast<std::uint32_t>(score));
  return bits;
}

/// Rows as hosts have them: missing values, infinities, values beyond every limit.
std::vector<float> wild_block(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> block(rows * columns);
  for (float& value : block) {
    value = static_cast<float>(rng.normal());
    const double other = rng.uniform();
    if (other < 0.05) value = not_a_number;
    if (other > 0.99) value = infinity;
    if (other > 0.995) value = -3e38F;
  }
  return block;
}

Schema numbers(std::size_t columns, bool hashed) {
  std::vector<Column> all;
  for (std::size_t i = 0; i < columns; ++i) all.push_back({.name = "x" + std::to_string(i)});
  if (hashed) all.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(std::move(all));
}

template <class Learner>
void check_batch(const Learner& model, const Batch& batch) {
  const std::size_t outputs = detail::outputs_of(model);
  std::vector<float> expected(batch.size() * outputs);
  for (std::size_t i = 0; i < batch.size(); ++i)
    detail::score_row(model, batch.row(i), {.at = batch.time(i)}, std::span(expected).subspan(i * outputs, outputs));
  for (const std::size_t threads : {1U, 2U, 3U, 64U}) {
    std::vector<float> scores(batch.size() * outputs, -7.0F);
    score_batch(model, batch, scores, threads);
    CAPTURE(threads);
    CHECK(bits_of_scores(scores) == bits_of_scores(expected));
  }
}

template <class Learner>
Learner trained_on_numbers(Learner model, std::size_t columns, Task task) {
  model.bind(numbers(columns, false));
  for (const auto& example : rtml::testing::labelled_examples({.task = task, .dense = columns}, 1, 300))
    static_cast<void>(model.learn(example.x, example.y, example.weight));
  return model;
}

}  // namespace

TEST_CASE("A batch of dense rows has the bits of its rows one by one", "[serve][threads]") {
  for (const std::size_t columns : {1U, 3U, 16U, 33U, 100U}) {
    CAPTURE(columns);
    const auto logistic = trained_on_numbers(LogisticRegression(), columns, Task::binary);
    const auto linear = trained_on_numbers(LinearRegression(), columns, Task::regression);
    const auto adagrad = trained_on_numbers(Linear<Logistic, AdaGrad>(), columns, Task::binary);
    const auto ftrl = trained_on_numbers(Linear<Logistic, FtrlProximal>(), columns, Task::binary);
    const AnyLearner erased(logistic);
    REQUIRE(logistic.predicts_rows());
    const std::vector<float> block = wild_block(530, columns, columns);
    for (const std::size_t rows : {0U, 1U, 2U, 5U, 530U}) {
      const Batch batch(block.data(), rows, columns);
      check_batch(logistic, batch);
      check_batch(linear, batch);
      check_batch(adagrad, batch);
      check_batch(ftrl, batch);
      check_batch(erased, batch);
    }
    const Batch backwards(block.data() + 529 * columns, 530, columns, -static_cast<std::ptrdiff_t>(columns));
    check_batch(logistic, backwards);
    const Batch overlapping(block.data(), 500, columns, 1);
    check_batch(linear, overlapping);
  }
}

TEST_CASE("So has a batch with hashed features, nominal columns and classes", "[serve][threads]") {
  Rng rng(5);
  std::vector<SparseFeature> features;
  std::vector<std::uint64_t> offsets{0};
  std::vector<Time> times;
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::uint64_t k = rng.below(7); k > 0; --k)
      features.push_back({static_cast<std::uint32_t>(hash_integer(rng.below(64))), k == 3 ? infinity : 1.0F});
    offsets.push_back(features.size());
    times.push_back(from_unix_seconds(static_cast<std::int64_t>(i)));
  }
  const std::vector<float> block = wild_block(300, 4, 8);
  const Batch batch = Batch(block.data(), 300, 4).with_sparse(offsets, features).with_times(times);
  const auto examples = rtml::testing::labelled_examples({.nominal = 1, .sparse = 3}, 1, 300);
  for (const bool nominal : {false, true}) {
    std::vector<Column> columns(4);
    for (std::size_t i = 0; i < 4; ++i) columns[i].name = "x" + std::to_string(i);
    if (nominal) columns[3].kind = Column::Kind::nominal;
    columns.push_back({.name = "words", .kind = Column::Kind::hashed});
    LogisticRegression logistic({.bits = 8});
    logistic.bind(Schema(columns));
    for (const auto& example : examples) logistic.learn(example.x, example.y);
    check_batch(logistic, batch);
    check_batch(logistic, Batch(block.data(), 300, 4));
  }
  AnyLearner softmax = make_learner("softmax", Task::classes, 3);
  softmax.bind(numbers(4, true));
  std::vector<float> before(3);
  for (const auto& example : rtml::testing::labelled_examples({.task = Task::classes, .classes = 3, .sparse = 2}, 3, 200))
    softmax.learn(example.x, example.y, 1.0F, before);
  check_batch(softmax, batch);
  NoChange last;
  last.bind(numbers(4, true));
  check_batch(last, batch);
}

TEST_CASE("A batch is scored without allocating, and from a snapshot that somebody learns into", "[serve]") {
  Snapshots<LogisticRegression> model(trained_on_numbers(LogisticRegression(), 8, Task::binary));
  const std::vector<float> block = wild_block(100, 8, 2);
  std::vector<float> scores(100);
  const auto guard = model.read();
  const rtml::testing::AllocationCounter allocations;
  score_batch(*guard, Batch(block.data(), 100, 8), scores);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(scores[0] == guard->predict(Batch(block.data(), 100, 8).row(0)));
}

TEST_CASE("A batch of another shape is refused with what would fit", "[serve][config]") {
  const auto model = trained_on_numbers(LogisticRegression(), 4, Task::binary);
  const std::vector<float> block(40);
  std::vector<float> scores(10);
  const auto refuse = [&](const Batch& batch, std::size_t room, std::size_t threads, const std::string& said) {
    CHECK_THROWS_WITH(score_batch(model, batch, std::span(scores).first(room), threads), said);
  };
  refuse(Batch(block.data(), 10, 4), 9, 1, "score_batch: out is 9, must be rows times outputs, 10");
  refuse(Batch(block.data(), 8, 5), 8, 1, "score_batch: dense columns is 5, must be as the model was bound to, 4");
  refuse(Batch(10), 10, 1, "score_batch: dense columns is 0, must be as the model was bound to, 4");
  refuse(Batch(block.data(), 10, 4), 10, 0, "score_batch: threads is 0, must be in [1, 1024]");
}

TEST_CASE("CSV and Arrow blocks are scored through a feature set with the bits of single events", "[serve][threads]") {
  const auto features = feature_set_from<Row>("shops", &Row::at,
                                              {numeric("amount", column(0)) | log1p() | standardize(), category("shop", text_column(1)),
                                               window("spend", text_column(1), hours(24), sum(column(0)))});
  std::string csv = "amount,shop,ts\n";
  std::vector<double> amounts;
  std::vector<std::string> shops;
  std::vector<std::int64_t> stamps;
  Rng rng(4);
  for (std::int64_t i = 0; i < 5000; ++i) {
    amounts.push_back(i % 50 == 7 ? std::numeric_limits<double>::infinity() : std::floor(1000.0 * rng.uniform()));
    shops.push_back("s" + std::to_string(rng.below(20)));
    stamps.push_back(1'700'000'000 + 60 * i);
    csv += (i % 50 == 7 ? std::string("inf") : std::to_string(static_cast<int>(amounts.back()))) + "," + shops.back() + "," +
           std::to_string(stamps.back()) + "\n";
  }
  stream::CsvReader reader = stream::CsvReader::of_text(csv);
  stream::CsvTable block(reader, {.time = "ts"});
  REQUIRE(block.next(5000));

  Fitted fitted = features.make_fitted();
  EntityWindows windows = features.make_windows();
  FeatureBatch rows;
  LogisticRegression model({.bits = 10});
  model.bind(features.schema());
  const Batch seen = features.replay(block.table().slice(0, 1000), fitted, windows, rows);
  for (std::size_t i = 0; i < seen.size(); ++i) model.learn(seen.row(i), i % 3 == 0 ? 1.0F : 0.0F);

  FeatureBatch one;
  std::vector<float> expected;
  for (std::size_t i = 0; i < 5000; ++i)
    expected.push_back(model.predict(features.transform(block.table().slice(i, 1), fitted, windows, one).row(0)));

  using rtml::testing::ArrowColumn;
  using rtml::testing::bytes_of;
  std::vector<std::int32_t> ends{0};
  std::string text;
  for (const std::string& shop : shops) {
    text += shop;
    ends.push_back(static_cast<std::int32_t>(text.size()));
  }
  const auto n = static_cast<std::int64_t>(amounts.size());
  rtml::testing::ArrowProducer producer(
      {ArrowColumn{"amount", "g", {{}, bytes_of(amounts)}, n},
       ArrowColumn{"shop", "u", {{}, bytes_of(ends), bytes_of(std::vector<char>(text.begin(), text.end()))}, n},
       ArrowColumn{"ts", "tss:", {{}, bytes_of(stamps)}, n}},
      n);
  const stream::ArrowTable arrow(std::move(producer.array), producer.schema);
  for (const std::size_t threads : {1U, 2U}) {
    std::vector<float> scores(5000);
    score_batch(model, features, block.table(), fitted, windows, scores, threads);
    CHECK(bits_of_scores(scores) == bits_of_scores(expected));
    std::vector<float> of_arrow(5000);
    score_batch(model, features, arrow.table().with_times("ts"), fitted, windows, of_arrow, threads);
    CHECK(bits_of_scores(of_arrow) == bits_of_scores(expected));
  }

  std::vector<float> scores(5000);
  const std::vector<std::string> only{"ts"};
  CHECK_THROWS_AS(score_batch(model, features, block.table().select(only), fitted, windows, scores, 2), ConfigError);
  CHECK_THROWS_WITH(score_batch(model, features, block.table(), fitted, windows, std::span(scores).first(3)),
                    "score_batch: out is 3, must be rows times outputs, 5000");
  LogisticRegression other;
  other.bind(numbers(2, false));
  CHECK_THROWS_AS(score_batch(other, features, block.table(), fitted, windows, scores), SchemaError);
}
