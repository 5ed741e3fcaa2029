#include "rtml/transform/feature_batch.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "payment.hpp"
#include "rtml/core/table.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::bits_of;
using rtml::testing::Channel;
using rtml::testing::Payment;
using rtml::testing::payments;
using rtml::testing::Served;
using rtml::testing::served_of;

namespace {

EmbeddingTable merchant_vectors() {
  EmbeddingTable table(3);
  table.add("bakery", std::array{0.1F, 0.2F, 0.3F});
  table.add("", std::array{-1.0F, 0.0F, 1.0F});
  return table;
}

Holidays some_days() { return Holidays({std::chrono::sys_days{std::chrono::January / 13 / 1970}}); }

/// Every transform there is, over fields that a payment and a row give alike: `amount` a number, `latitude` another, `merchant` text.
template <class Event, class Amount, class Latitude, class Merchant>
std::vector<AnyFeature<Event>> every_transform(Amount amount, Latitude latitude, Merchant merchant) {
  const auto named_amount = field("amount", amount);
  const auto named_merchant = field("merchant", merchant);
  const auto of = [&](const char* name) { return numeric(name, amount); };
  return {of("raw"),
          of("log1p") | log1p(),
          of("log") | log(),
          of("power") | power(0.5F),
          of("polynomial") | clip(-9.0F, 9.0F) | polynomial(4),
          of("filled") | fill_missing(-1.0F),
          of("clipped") | clip(0.0F, 100.0F),
          of("standard") | standardize() | clip(0.0F, 2.0F),
          of("chain") | log1p() | standardize() | missing_indicator() | clip(-2.0F, 2.0F),
          category("merchant", merchant),
          of("mean") | fill_with_mean() | robust(),
          of("robust") | robust(),
          of("rank") | quantile() | fill_missing(0.5F),
          of("range") | min_max(),
          of("band") | bucketize({-100.0F, 0.0F, 250.0F}),
          category("kind", merchant) | one_hot({"bakery", "garage"}),
          category("seen", merchant) | count_encoding(6) | log1p(),
          category("mean_label", merchant) | target_encoding(2.0F, 6) | standardize(),
          embedding("vector", merchant, merchant_vectors()),
          words("words", merchant, 8) | ngrams(1, 2),
          words("weighted", merchant, 4) | tf_idf(6),
          characters("characters", merchant, 16),
          haversine("trip", latitude, amount, amount, latitude) | log1p() | standardize(),
          grid_cell("cell", latitude, amount, 0.5),
          hour_of_day("hour"),
          day_of_week("weekday") | cyclic(),
          cross("route", category("merchant", merchant), hour_of_day("hour")),
          is_holiday("holiday", some_days()),
          days_to_holiday("until", some_days()) | min_max(),
          window("spend", named_merchant, 1h, sum(named_amount)) | log1p() | standardize(),
          window("last", named_merchant, 1h, last(2, named_amount)),
          window("tiles", named_merchant, 24h, mean(named_amount), sawtooth(1h)) | missing_indicator(),
          fading("fading", named_merchant, 1h, count()) | log1p()};
}

FeatureSet<Payment> of_payments() {
  return feature_set_from<Payment>("every", &Payment::at, every_transform<Payment>(&Payment::amount, &Payment::amount, &Payment::merchant));
}

template <class Event>
Served served_alone(const FeatureSet<Event>& set, const Event& event, const Fitted& fitted, const EntityWindows& windows) {
  std::vector<float> dense(set.dense_size());
  std::vector<SparseFeature> sparse(set.sparse_capacity());
  std::vector<float> fit_inputs(set.fit_size());
  FeatureOutput out{dense, sparse, fit_inputs};
  set.compute(event, fitted, windows, out);
  return served_of(out.features());
}

/// A pipeline that has seen `past`, labels included.
FeaturePipeline<Payment> trained(const std::vector<Payment>& past) {
  FeaturePipeline<Payment> pipeline(of_payments());
  for (const Payment& payment : past) {
    pipeline(payment);
    pipeline.observe(payment);
    pipeline.label(pipeline.fit_inputs(), payment.amount > 300.0 ? 1.0F : 0.0F);
  }
  return pipeline;
}

/// Payments as a table: amounts as doubles, a bit for those that are there, merchants as text, times beside them.
struct PaymentColumns {
  explicit PaymentColumns(const std::vector<Payment>& payments) {
    for (const Payment& payment : payments) {
      amounts.push_back(payment.amount);
      merchants.push_back(payment.merchant);
      times.push_back(payment.at);
    }
  }
  Table table() const {
    std::vector<TableColumn> columns(2);
    columns[0] = {.name = "amount", .type = TableColumn::Type::float64, .values = amounts.data(), .stride = sizeof(double)};
    columns[1] = {.name = "merchant",
                  .type = TableColumn::Type::number_and_text,
                  .values = amounts.data(),
                  .stride = sizeof(double),
                  .texts = merchants.data()};
    return Table(std::move(columns), amounts.size()).with_times(times);
  }
  std::vector<double> amounts;
  std::vector<std::string_view> merchants;
  std::vector<Time> times;
};

FeatureSet<Row> of_rows() { return feature_set_from<Row>("every", &Row::at, every_transform<Row>(column(0), column(0), text_column(1))); }

}  // namespace

TEST_CASE("A batch has the bits of its events, whatever the transform and the size", "[transform][batch]") {
  const FeaturePipeline<Payment> pipeline = trained(payments(1, 500, 0));
  const FeatureSet<Payment>& set = pipeline.feature_set();
  const std::vector<Payment> events = payments(2, 300, 100);
  FeatureBatch out;
  for (const std::size_t size : {0U, 1U, 3U, 127U, 128U, 129U, 256U, 300U, 2U}) {
    CAPTURE(size);
    const Batch batch = pipeline.transform(std::span(events).first(size), out);
    REQUIRE(batch.size() == size);
    REQUIRE(batch.dense_size() == set.dense_size());
    for (std::size_t i = 0; i < size; ++i) {
      CAPTURE(i);
      const Served row = served_of(batch.row(i));
      const Served alone = served_alone(set, events[i], pipeline.fitted(), pipeline.windows());
      for (std::size_t j = 0; j < row.dense.size(); ++j) {
        CAPTURE(set.schema().dense(j).name);
        REQUIRE(row.dense[j] == alone.dense[j]);
      }
      REQUIRE(row.sparse == alone.sparse);
    }
  }
}

TEST_CASE("A set over a struct and one over the columns of a table give the same batch", "[transform][batch]") {
  const std::vector<Payment> past = payments(3, 400, 50);
  const std::vector<Payment> events = payments(4, 150, 50);
  const PaymentColumns past_columns(past);
  const PaymentColumns columns(events);
  FeaturePipeline<Payment> over_struct(of_payments());
  FeaturePipeline<Row> over_rows(of_rows());
  CHECK(over_struct.schema().fingerprint() == over_rows.schema().fingerprint());
  FeatureBatch a;
  FeatureBatch b;
  const auto same = [](const Batch& x, const Batch& y) {
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (!(served_of(x.row(i)) == served_of(y.row(i)))) return false;
    return true;
  };
  CHECK(same(over_struct.replay(past, a), over_rows.replay(past_columns.table(), b)));
  CHECK(same(over_struct.transform(events, a), over_rows.transform(columns.table(), b)));
  CHECK(same(over_struct.replay(events, a), over_rows.replay(columns.table(), b)));
}

TEST_CASE("Each feature alone finds the columns that it reads in a table", "[transform][batch]") {
  const std::vector<Payment> events = payments(10, 200, 20);
  const PaymentColumns columns(events);
  std::vector<double> latitudes;
  for (std::size_t i = 0; i < events.size(); ++i) latitudes.push_back(static_cast<double>(i % 90));
  TableColumn amount = columns.table().columns()[0];
  amount.name = "unread";
  TableColumn latitude = amount;
  latitude.name = "latitude";
  latitude.values = latitudes.data();
  const Table table =
      Table({amount, columns.table().columns()[1], columns.table().columns()[0], latitude}, events.size()).with_times(columns.times);
  for (const AnyFeature<Row>& feature : every_transform<Row>(column(2), column(3), text_column(1))) {
    FeaturePipeline<Row> by_table(feature_set_from<Row>("one", &Row::at, {feature}));
    FeaturePipeline<Row> by_rows(by_table.feature_set());
    CAPTURE(by_table.schema().columns()[0].name);
    FeatureBatch replayed;
    FeatureBatch transformed;
    const Batch once = by_table.replay(table, replayed);
    const Batch again = by_table.transform(table, transformed);
    const auto row = [&](std::size_t i, std::array<double, 4>& numbers, std::array<std::string_view, 4>& texts) {
      numbers = {events[i].amount, events[i].amount, events[i].amount, latitudes[i]};
      texts = {"?", events[i].merchant, "?", "?"};
      return Row{events[i].at, numbers, texts};
    };
    std::array<double, 4> numbers{};
    std::array<std::string_view, 4> texts{};
    for (std::size_t i = 0; i < events.size(); ++i) {
      REQUIRE(served_of(once.row(i)) == served_of(by_rows(row(i, numbers, texts))));
      by_rows.observe(row(i, numbers, texts));
    }
    for (std::size_t i = 0; i < events.size(); ++i) REQUIRE(served_of(again.row(i)) == served_of(by_rows(row(i, numbers, texts))));
  }
}

TEST_CASE("A replay serves, observes and feeds one event after the other", "[transform][batch]") {
  const std::vector<Payment> events = payments(5, 333, 200);
  FeaturePipeline<Payment> one_by_one(of_payments());
  FeaturePipeline<Payment> replayed(of_payments());
  FeatureBatch out;
  const Batch batch = replayed.replay(events, out);
  for (std::size_t i = 0; i < events.size(); ++i) {
    CAPTURE(i);
    REQUIRE(served_of(batch.row(i)) == served_of(one_by_one(events[i])));
    one_by_one.observe(events[i]);
  }
  CHECK(bits_of(replayed.fitted().mean()) == bits_of(one_by_one.fitted().mean()));
  CHECK(replayed.windows().memory_bytes() == one_by_one.windows().memory_bytes());
}

TEST_CASE("A transform feeds no window and observes nothing", "[transform][batch]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("count", &Payment::at, window("count", &Payment::card, 24h, count()),
                                                         numeric("amount", &Payment::amount) | standardize()));
  std::vector<Payment> events(100);
  for (std::size_t i = 0; i < events.size(); ++i) events[i] = {from_unix_seconds(1000 + static_cast<std::int64_t>(i)), 7, "", 5.0};
  FeatureBatch out;
  for (int twice = 0; twice < 2; ++twice) {
    const Batch batch = pipeline.transform(events, out);
    for (std::size_t i = 0; i < batch.size(); ++i) CHECK(batch.row(i).dense[0] == 0.0F);
  }
  CHECK(pipeline.fitted().count(0) == 0);
  CHECK(pipeline.replay(events, out).row(99).dense[0] == 99.0F);
  CHECK(pipeline.transform(events, out).row(0).dense[0] == 0.0F);  // as of the row's own time
  events[0].at = from_unix_seconds(2000);
  CHECK(pipeline.transform(std::span(events).first(1), out).row(0).dense[0] == 100.0F);
}

TEST_CASE("Threads transform parts of a table into one block of the host's", "[transform][batch][threads]") {
  const std::vector<Payment> events = payments(6, 1001, 0);
  const PaymentColumns columns(events);
  const FeaturePipeline<Row> pipeline = [&] {
    FeaturePipeline<Row> made(of_rows());
    FeatureBatch ignored;
    made.replay(columns.table(), ignored);
    return made;
  }();
  FeatureBatch whole;
  const Batch expected = pipeline.transform(columns.table(), whole);
  const std::size_t width = expected.dense_size();
  std::vector<float> block(events.size() * width);
  const std::array<std::size_t, 4> bounds = {0, 300, 301, 1001};
  std::vector<FeatureBatch> parts;
  for (std::size_t t = 0; t < 3; ++t) parts.emplace_back(std::span(block).subspan(bounds[t] * width, (bounds[t + 1] - bounds[t]) * width));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] { pipeline.transform(columns.table().slice(bounds[t], bounds[t + 1] - bounds[t]), parts[t]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 3; ++t) {
    const Batch part = parts[t].batch();
    for (std::size_t i = bounds[t]; i < bounds[t + 1]; ++i) {
      REQUIRE(served_of(part.row(i - bounds[t])) == served_of(expected.row(i)));
      REQUIRE(bits_of(std::span(block).subspan(i * width, width)) == bits_of(expected.row(i).dense));
    }
  }
}

TEST_CASE("A transform allocates nothing once it has seen a batch as large", "[transform][batch]") {
  const std::vector<Payment> events = payments(7, 200, 0);
  const PaymentColumns columns(events);
  const Table table = columns.table();
  FeaturePipeline<Row> pipeline(of_rows());
  FeatureBatch out;
  pipeline.replay(table, out);
  pipeline.transform(table, out);
  const testing::AllocationCounter allocations;
  for (int i = 0; i < 3; ++i) pipeline.transform(table, out);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(out.memory_bytes() > 200 * out.batch().dense_size() * sizeof(float));
}

TEST_CASE("The layout of a table changes no bit", "[transform][batch]") {
  constexpr std::size_t rows = 301;
  constexpr std::size_t width = 70;
  Rng rng(9);
  std::vector<float> values(rows * width);
  for (float& value : values) {
    value = static_cast<float>(rng.below(2000)) / 8.0F - 100.0F;
    if (rng.below(10) == 0) value = std::bit_cast<float>(static_cast<std::uint32_t>(rng.below(std::uint64_t{1} << 32U)));
  }
  std::vector<std::string> names(width);
  for (std::size_t j = 0; j < width; ++j) names[j] = "x" + std::to_string(j);
  const auto places = GENERATE(std::vector<std::size_t>{}, std::vector<std::size_t>{69, 3, 3, 68}, std::vector<std::size_t>{0, 65, 66, 67});
  std::vector<AnyFeature<Row>> list;
  for (std::size_t k = 0; k < (places.empty() ? width : places.size()); ++k) {
    const auto number = numeric("f" + std::to_string(k), column(places.empty() ? k : places[k]));
    if (k % 3 == 0) list.emplace_back(number | standardize() | clip(-1.0F, 1.0F));
    if (k % 3 == 1) list.emplace_back(number | robust() | missing_indicator());
    if (k % 3 == 2) list.emplace_back(number | log1p());
  }
  FeaturePipeline<Row> pipeline(feature_set_from<Row>("layout", list));

  // Event by event, from nothing but the values.
  std::vector<double> numbers(width);
  const auto row_of = [&](std::size_t i) {
    for (std::size_t j = 0; j < width; ++j) numbers[j] = static_cast<double>(values[i * width + j]);
    return Row{{}, numbers, {}};
  };
  for (std::size_t i = 0; i < rows; ++i) {
    pipeline(row_of(i));
    pipeline.observe(row_of(i));
  }
  std::vector<std::vector<std::uint32_t>> expected;
  for (std::size_t i = 0; i < rows; ++i) expected.push_back(bits_of(pipeline(row_of(i)).dense));

  const auto transposed = [&](auto sample) {
    std::vector<decltype(sample)> columns(values.size());
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < width; ++j) columns[j * rows + i] = static_cast<decltype(sample)>(values[i * width + j]);
    return columns;
  };
  const std::vector<float> by_columns = transposed(0.0F);
  const std::vector<double> doubles = transposed(0.0);
  std::vector<float> gaps(rows * (width + 5) + 1, 7.0F);
  std::vector<double> wide_rows(values.begin(), values.end());
  std::vector<float> backwards(values.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < width; ++j) {
      gaps[1 + i * (width + 5) + j] = values[i * width + j];
      backwards[(rows - 1 - i) * width + j] = values[i * width + j];
    }
  std::vector<float> columns_backwards(values.size());
  std::vector<std::vector<std::uint8_t>> validity(width, std::vector<std::uint8_t>((rows + 7) / 8));
  std::vector<float> not_null = values;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < width; ++j) {
      columns_backwards[i * width + (width - 1 - j)] = values[i * width + j];
      if (is_nan(values[i * width + j])) {
        not_null[i * width + j] = 123.0F;
      } else {
        validity[j][i / 8] = static_cast<std::uint8_t>(validity[j][i / 8] | 1U << (i % 8));
      }
    }
  std::vector<TableColumn> with_nulls(width);
  for (std::size_t j = 0; j < width; ++j)
    with_nulls[j] = {.name = names[j],
                     .type = TableColumn::Type::float32,
                     .values = not_null.data() + j,
                     .stride = width * sizeof(float),
                     .validity = validity[j].data()};
  const auto signed_width = static_cast<std::ptrdiff_t>(width);
  const auto signed_rows = static_cast<std::ptrdiff_t>(rows);
  const Table tables[] = {table_of(values.data(), rows, names),
                          table_of(by_columns.data(), rows, names, 1, signed_rows),
                          table_of(doubles.data(), rows, names, 1, signed_rows),
                          table_of(gaps.data() + 1, rows, names, signed_width + 5, 1),
                          table_of(wide_rows.data(), rows, names),
                          table_of(backwards.data() + (rows - 1) * width, rows, names, -signed_width, 1),
                          table_of(columns_backwards.data() + width - 1, rows, names, signed_width, -1),
                          Table(std::move(with_nulls), rows)};
  FeatureBatch out;
  for (const Table& table : tables) {
    for (const std::size_t begin : {0U, 1U, 130U}) {
      CAPTURE(&table - tables, begin);
      const Batch batch = pipeline.transform(table.slice(begin, rows - begin), out);
      for (std::size_t i = begin; i < rows; ++i) REQUIRE(bits_of(batch.row(i - begin).dense) == expected[i]);
    }
  }
}

TEST_CASE("A batch of many megabytes has the bits of a small one", "[transform][batch]") {
  constexpr std::size_t rows = 33 * 4096;  // 64 columns of so many are 33 MiB: written past the caches
  std::vector<float> values(rows);
  for (std::size_t i = 0; i < rows; ++i) values[i] = static_cast<float>(i % 1000);
  std::vector<AnyFeature<Row>> list;
  for (std::size_t j = 0; j < 64; ++j) list.emplace_back(numeric("x" + std::to_string(j), column(0)) | clip(static_cast<float>(j), 900.0F));
  const auto set = feature_set_from<Row>("large", list);
  const std::array<std::string, 1> names = {"x"};
  const Table table = table_of(values.data(), rows, names);
  FeatureBatch out;
  const Batch batch = set.transform(table, set.make_fitted(), out);
  bool equal = true;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < 64; ++j)
      equal = equal && batch.row(i).dense[j] == std::min(std::max(values[i], static_cast<float>(j)), 900.0F);
  CHECK(equal);
}

TEST_CASE("A lambda over rows reads all columns of a table", "[transform][batch]") {
  const std::vector<std::int32_t> values = {1, 20, 3, 40};
  const std::array<std::string, 2> names = {"a", "b"};
  const auto set =
      feature_set_from<Row>("lambda", {numeric("sum", "v1", [](const Row& row) { return row.numbers[0] + row.numbers[1]; }),
                                       numeric("length", "v1", [](const Row& row) { return static_cast<double>(row.text[1].size()); })});
  FeatureBatch out;
  const Batch batch = set.transform(table_of(values.data(), 2, names), set.make_fitted(), out);
  CHECK(bits_of(batch.row(1).dense) == bits_of(std::array{43.0F, 2.0F}));
  const auto hour = [](const Row& row) { return from_unix_seconds(3600 * static_cast<std::int64_t>(row.numbers[0])); };
  const auto timed = feature_set_from<Row>("timed", field("at", "v1", hour), {hour_of_day("hour") | cyclic()});
  const Batch times = timed.transform(table_of(values.data(), 2, names), timed.make_fitted(), out);
  CHECK(times.row(1).dense[0] != times.row(0).dense[0]);
}

TEST_CASE("A batch is refused where it does not fit the set", "[transform][batch][config]") {
  const std::vector<Payment> events = payments(8, 10, 0);
  const FeatureSet<Payment> windowed = of_payments();
  FeatureBatch out;
  CHECK_THROWS_WITH(windowed.transform(events, windowed.make_fitted(), out),
                    "FeatureSet: windows is \"none\", must be given to transform: the set reads some");
  const auto plain = feature_set<Payment>("plain", numeric("amount", &Payment::amount) | standardize());
  CHECK_THROWS_WITH(plain.transform(events, Fitted{}, out), "FeatureSet: inputs of fitted is 0, must be those of the set, 1");
  std::array<float, 9> little{};
  FeatureBatch in_little{std::span<float>(little)};
  CHECK_THROWS_WITH(plain.transform(events, plain.make_fitted(), in_little),
                    "FeatureBatch: dense is 9, must be rows times columns at least, 10");
  FeatureBatch in_nothing{std::span<float>()};
  CHECK_THROWS_WITH(plain.transform(events, plain.make_fitted(), in_nothing),
                    "FeatureBatch: dense is 0, must be rows times columns at least, 10");
  CHECK(plain.transform({}, plain.make_fitted(), in_nothing).empty());
  const PaymentColumns columns(events);
  const auto beyond = feature_set_from<Row>("beyond", {numeric("x", column(2))});
  CHECK_THROWS_WITH(beyond.transform(columns.table(), beyond.make_fitted(), out),
                    "Table: columns is 2, must be more than 2, the column that the feature set reads");
  const auto beyond_text = feature_set_from<Row>("beyond", {category("x", text_column(7))});
  CHECK_THROWS_AS(beyond_text.transform(columns.table(), beyond_text.make_fitted(), out), ConfigError);
  const std::array<std::int32_t, 2> offsets = {0, 1};
  const Table text({{.name = "name", .type = TableColumn::Type::text, .values = offsets.data(), .texts = "a"}}, 1);
  const auto as_number = feature_set_from<Row>("number", {numeric("x", column(0))});
  CHECK_THROWS_WITH(as_number.transform(text, as_number.make_fitted(), out),
                    "Table: column \"name\" is text, must be numbers as the feature set reads it");
}
