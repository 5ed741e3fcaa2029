// A CSV by blocks through one feature set: replayed to learn its statistics, transformed by two threads into one block, handed out as Arrow.

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "rtml/core/table_xtensor.hpp"
#include "rtml/rtml.hpp"

using namespace rtml;

namespace {

/// Payments of an hour: some amounts are missing.
std::string payments() {
  std::string csv = "ts,shop,amount,items\n";
  constexpr const char* shops[] = {"north", "south", "harbour"};
  for (int i = 0; i < 1000; ++i)
    csv += fmt::format("{},{},{},{}\n", 1'700'000'000 + 4 * i, shops[i % 3], i % 10 == 0 ? "" : fmt::format("{}.5", i % 97), i % 7);
  return csv;
}

FeatureSet<Row> features(const stream::CsvReader& csv) {
  const auto amount = column(csv.column("amount"));
  const auto shop = text_column(csv.column("shop"));
  return feature_set_from<Row>(
      "payments-v1", &Row::at,
      {numeric("amount", amount) | log1p() | standardize() | missing_indicator(), numeric("items", column(csv.column("items"))) | min_max(),
       category("shop", shop), window("shop_spend", field("shop", shop), hours(1), sum(field("amount", amount))) | log1p()});
}

}  // namespace

int main() {
  auto csv = stream::CsvReader::of_text(payments());
  stream::CsvTable block(csv, {.time = "ts"});
  FeaturePipeline<Row> pipeline(features(csv));
  FeatureBatch out;
  std::size_t rows = 0;
  while (block.next(400)) {
    const Batch batch = pipeline.replay(block.table(), out);  // each row is served, then observed and fed: what a learner trains on
    rows += batch.size();
    fmt::print("{} rows of {} columns, the last spend {:.3f}\n", batch.size(), batch.dense_size(), batch.row(batch.size() - 1).dense[3]);
  }

  // The same set over numbers that are already columns; nothing is observed, so threads share it.
  const xt::xtensor<double, 2> scores = xt::ones<double>({1000, 2});
  const std::array<std::string, 2> names = {"risk", "age"};
  const auto scaled =
      feature_set_from<Row>("scores-v1", {numeric("risk", column(0)) | clip(0.0F, 0.5F), numeric("age", column(1)) | log1p()});
  const Table table = table_of(scores, names);
  std::vector<float> dense(table.size() * scaled.dense_size());
  const Fitted fitted = scaled.make_fitted();
  const auto half = [&](std::size_t begin) {
    FeatureBatch mine(std::span<float>(dense).subspan(begin * 2, std::size_t{500} * 2));
    scaled.transform(table.slice(begin, 500), fitted, mine);
  };
  std::thread other(half, 500);
  half(0);
  other.join();

  ArrowArray array{};
  ArrowSchema schema{};
  stream::export_arrow(Batch(dense.data(), table.size(), 2), scaled.schema(), array, schema);
  const stream::ArrowTable arrow(std::move(array), schema);  // any consumer of the interface reads it so
  fmt::print("arrow: {} rows, \"{}\" is {}\n", arrow.table().size(), arrow.table().columns()[0].name,
             arrow.table().columns()[0].number(999));
  schema.release(&schema);
  return rows == 1000 && arrow.table().columns()[0].number(999) == 0.5 ? 0 : 1;
}
