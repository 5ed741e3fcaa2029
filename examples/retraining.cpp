// The strategies of the field, a line each, on one stream: what does each cost, and how well does it follow two drifts?

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  using namespace std::chrono_literals;
  using stream::Payment;
  auto features = feature_set<Payment>("payments-v1", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(),
                                       category("category", &Payment::category), category("country", &Payment::country),
                                       category("channel", &Payment::channel),
                                       window("card_count", &Payment::card, 1h, count()) | log1p() | standardize());
  const Retrain frozen{.online = false, .warmup = 3000};
  const Retrain stateless{.when = every(5000), .start = Start::fresh, .on = Data::recent(std::size_t{10'000})};
  const Retrain cadence{.when = every(24h), .start = Start::fresh, .on = Data::recent(days(7)), .online = false};
  const Retrain stateful_cadence{.when = every(24h), .start = Start::warm, .on = Data::since_last(), .online = false};
  const Retrain on_demand{.when = metrics::recall() < 0.5,
                          .start = Start::fresh,
                          .on = Data::recent(days(3)),
                          .online = false,
                          .warmup = 3000,
                          .cooldown = 1000};
  const Retrain on_demand_stateful{
      .when = drift::adwin() > 0.0, .start = Start::warm, .on = Data::since_last(), .online = false, .warmup = 3000, .cooldown = 1000};

  LoopOptions options;  // the first serves and learns each label; the others run in its shadow, on the same rows
  const auto add = [&](std::string name, const Retrain& policy) {
    options.challengers.push_back({std::move(name), LogisticRegression{}, 0.0, policy});
  };
  add("frozen", frozen);
  add("stateless", stateless);
  add("cadence", cadence);
  add("stateful cadence", stateful_cadence);
  add("on demand", on_demand);
  add("on demand, stateful", on_demand_stateful);
  Loop<Payment> loop{features, LogisticRegression{}, options};

  stream::Payments incoming;
  Payment payment;
  bool fraud = false;
  for (std::uint64_t id = 0; incoming.next(payment, fraud); ++id) {
    loop.predict(id, payment);
    loop.label(id, fraud ? 1.0F : 0.0F);
    loop.work();
  }
  std::vector<double> average_precision;
  fmt::print("{:<22}{:>18}{:>14}\n", "strategy", "average precision", "retrainings");
  for (const monitor::ArmReport& arm : loop.report().arms) {
    for (const auto& metric : arm.metrics)
      if (metric.name == "average_precision") average_precision.push_back(metric.value);
    fmt::print("{:<22}{:>18.3f}{:>14}\n", arm.name == "champion" ? "continual" : arm.name, average_precision.back(), arm.version);
  }
  return average_precision[0] > average_precision[1] ? 0 : 1;
}
