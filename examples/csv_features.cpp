// Features over columns that are known only at run time: the same transforms, the same bits as over a struct.

#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  auto csv = stream::CsvReader::of_text(
      "ts,shop,amount\n"
      "1700000000,north,10\n"
      "1700000060,south,\n"
      "1700000120,north,30\n"
      "bad row\n"
      "1700000180,north,\"20\"\n");
  std::vector<AnyFeature<Row>> list;
  list.push_back(numeric("amount", column(csv.column("amount"))) | missing_indicator());
  list.push_back(category("shop", text_column(csv.column("shop"))));
  list.push_back(
      window("shop_spend", field("shop", text_column(csv.column("shop"))), hours(1), sum(field("amount", column(csv.column("amount"))))));
  FeaturePipeline<Row> pipeline(feature_set_from<Row>("shops-v1", &Row::at, list));

  float last_spend = 0.0F;
  while (csv.next()) {
    Row row = csv.row();
    row.at = stream::parse_time(row.text[csv.column("ts")]).value_or(Time{});
    const Features x = pipeline(row);
    fmt::print("line {}: amount {:>4} missing {} shop_spend {}\n", csv.line(), x.dense[0], x.dense[1], x.dense[2]);
    last_spend = x.dense[2];
    pipeline.observe(row);
  }
  for (const auto& bad : csv.reasons()) fmt::print("line {} was left out: {}\n", bad.line, bad.reason);
  return last_spend == 40.0F && csv.bad_rows() == 1 ? 0 : 1;
}
