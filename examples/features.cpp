// What a courier service knows of an order, as features: text, places, calendar, numbers and its kitchen, over its own struct.

#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

namespace {

struct Order {
  rtml::Time at;
  std::string note;
  std::string kitchen;
  double kitchen_lat = 0.0;
  double kitchen_lon = 0.0;
  double door_lat = 0.0;
  double door_lon = 0.0;
  double price = 0.0;
};

}  // namespace

int main() {
  using namespace rtml;
  using namespace std::chrono_literals;
  const Holidays closed({2026y / 12 / 24, 2026y / 12 / 25}, hours(1));
  EmbeddingTable kitchens(2);  // learned elsewhere
  kitchens.add("la piazza", std::vector{0.9F, 0.1F});
  kitchens.add("sushi one", std::vector{0.2F, 0.8F});

  const auto quarter = grid_cell("quarter", &Order::door_lat, &Order::door_lon, 0.02);
  FeaturePipeline<Order> pipeline(
      feature_set<Order>(
          "orders-v1", &Order::at,
          haversine("way_km", &Order::kitchen_lat, &Order::kitchen_lon, &Order::door_lat, &Order::door_lon) | log1p(), quarter,
          cross("rush", quarter, hour_of_week("hour", hours(1))), embedding("kitchen", &Order::kitchen, kitchens),
          category("kitchen_late", &Order::kitchen) | target_encoding(10.0F),
          category("kitchen_orders", &Order::kitchen) | count_encoding() | log1p(),
          numeric("price", &Order::price) | fill_missing(0.0F) | power(0.5F),
          numeric("price_shape", &Order::price) | robust() | polynomial(2), numeric("price_rank", &Order::price) | quantile(),
          numeric("price_part", &Order::price) | fill_with_mean() | min_max(), words("note", &Order::note) | ngrams(1, 2) | tf_idf(),
          characters("spelling", &Order::note) | ngrams(3, 4), hour_of_week("hour", hours(1)), month_of_year("month") | cyclic(),
          days_to_holiday("to_holiday", closed, 30), window("kitchen_rate", field("kitchen", &Order::kitchen), days(30), rate()),
          window("kitchen_idle", field("kitchen", &Order::kitchen), days(30), time_since_last()),
          window("kitchen_price", field("kitchen", &Order::kitchen), days(7), quantile(0.9, field("price", &Order::price)), sawtooth()),
          window("side_wants", field("side", "v1", [](const Order& order) { return order.door_lat < 52.6 ? 'S' : 'N'; }), days(7),
                 top_k(3, field("kitchen", &Order::kitchen)), sawtooth()))
          .with({.lateness = minutes(10)})
          .pinned({Order{std::chrono::sys_days(2026y / 5 / 1), "", "sushi one", 0, 0, 52.7, 0, 5.0}}));

  for (const Column& column : pipeline.schema().columns()) fmt::print("{:<15} {}\n", column.name, column.definition);

  FeaturePipeline<Order> again(pipeline.feature_set());  // as a nightly job would, of the logged events
  monitor::SkewMeter skew(pipeline.schema(), 0.5);
  for (int i = 0; i < 200; ++i) {  // what was ordered before
    const Order before{std::chrono::sys_days(2026y / 12 / 1) + i * 2h, "", "la piazza", 52.52, 13.40, 52.51, 13.42, 10.0 + i % 40};
    if (skew.samples(hash_bytes(before.kitchen))) skew.compare(pipeline(before), again(before));
    for (auto* each : {&pipeline, &again}) {
      static_cast<void>((*each)(before));
      each->observe(before);
      each->label(each->fit_inputs(), i % 4 == 0 ? 1.0F : 0.0F);  // it came late
    }
  }
  const Order order{
      std::chrono::sys_days(2026y / 12 / 20) + 18h, "Ring twice, dog in garden", "la piazza", 52.5200, 13.4050, 52.4870, 13.4250, 24.0};
  const Features x = pipeline(order);
  fmt::print("\n{} numbers:", x.dense.size());
  for (const float value : x.dense) fmt::print(" {:.3f}", value);
  fmt::print("\n{} hashed features, of which {} are words and pairs of words\n", x.sparse.size(), 5 + 4);
  fmt::print("{} vectors made again, {} differ\n", skew.vectors(), skew.mismatches());
  return skew.mismatches() == 0 && x.sparse.size() == 2 + 9 + 23 + 22 + 1 + 1 ? 0 : 1;
}
