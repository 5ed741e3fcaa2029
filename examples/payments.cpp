// The whole loop in a payments service: features described once, predictions on the request path, labels when the truth is known.

#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

using rtml::stream::Payment;

int main() {
  using namespace rtml;
  using namespace std::chrono_literals;

  auto features = feature_set<Payment>("payments-v1", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(),
                                       numeric("device_age", &Payment::device_age) | log1p() | standardize() | missing_indicator(),
                                       category("merchant", &Payment::merchant), category("category", &Payment::category),
                                       category("country", &Payment::country), hour_of_day("hour") | cyclic(),
                                       window("card_spend", &Payment::card, 1h, sum(&Payment::amount)) | log1p() | standardize(),
                                       window("card_count", &Payment::card, 24h, count()) | log1p() | standardize());

  Loop<Payment> loop{features,
                     LogisticRegression{},
                     {.retrain = {.when = drift::psi() > 0.5 || metrics::average_precision(5000) < 0.3,
                                  .start = Start::warm,
                                  .on = Data::recent(days(7)),
                                  .cooldown = 5000},
                      .rehearse = {reservoir(50'000), 0.25}}};

  stream::Payments incoming;  // stands for the host's own stream
  std::deque<std::pair<std::uint64_t, bool>> truths;
  Payment payment;
  bool fraud = false;
  for (std::uint64_t id = loop.resume_offset(); incoming.next(payment, fraud); ++id) {
    const Prediction p = loop.predict(id, payment);  // any thread; act on p.score
    if (p.label == 1.0F && id > 59'900) fmt::print("payment {}: suspicious, P(fraud) = {:.2f}\n", id, p.score);
    truths.emplace_back(id, fraud);
    if (truths.size() > 500) {  // the truth comes later
      loop.label(truths.front().first, truths.front().second ? 1.0F : 0.0F);
      truths.pop_front();
    }
    loop.work();  // or loop.start() once: a thread for learning, retraining and checkpoints
  }

  const Explanation why = loop.explain(payment);
  fmt::print("\nthe last score was {:.4f}, most of all because of {} ({:+.2f})\n", why.prediction.score, why.parts[0].feature,
             why.parts[0].contribution);
  const LoopCounters counters = loop.counters();
  fmt::print("{} payments, {} labels, {} drifts, {} retrainings\n", counters.events, counters.labels, counters.drifts,
             counters.retrainings);
  double average_precision = 0.0;
  for (const auto& [name, value] : loop.metrics())
    if (name == "average_precision") average_precision = value;
  fmt::print("average precision {:.3f}\n", average_precision);
  return average_precision > 0.5 && counters.labels == counters.events - 500 ? 0 : 1;
}
