// Two models side by side: each card always meets the same one, and a test says whether the difference is more than noise.

#include <cstdint>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  using namespace std::chrono_literals;
  using stream::Payment;
  auto features = feature_set<Payment>("payments-v1", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(),
                                       category("category", &Payment::category), category("country", &Payment::country),
                                       window("card_count", &Payment::card, 1h, count()) | log1p() | standardize());

  // The champion stays as it was after 5000 labels; the challenger learns on, and serves 30 % of the cards.
  Loop<Payment> loop{features,
                     LogisticRegression{},
                     {.retrain = {.online = false, .warmup = 5000},
                      .challengers = {{.name = "continual", .learner = LogisticRegression{}, .weight = 0.3}}}};
  stream::Payments incoming;
  Payment payment;
  bool fraud = false;
  for (std::uint64_t id = 0; incoming.next(payment, fraud); ++id) {
    loop.predict(id, payment, payment.card);
    loop.label(id, fraud ? 1.0F : 0.0F);
    loop.work();
  }
  const monitor::Report report = loop.report();
  for (const monitor::ArmReport& arm : report.arms) fmt::print("{:<10} served {:>6} payments\n", arm.name, arm.predictions);
  fmt::print("{}\n", report.comparison);
  return report.arms.size() == 2 && report.arms[1].predictions > 10'000 ? 0 : 1;
}
