// One view of features, served online and joined with labels as of their time: both give the same values. Then splits that respect time, and
// a look for what leaks.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  using namespace std::chrono_literals;
  const FeatureView card("card", {KeyColumn::integer("card")},
                         {ValueColumn::of<float>("spend_7d"), ValueColumn::of<std::int64_t>("payments_7d")}, {.ttl = days(2)});
  const auto spend = card.column<float>("spend_7d");
  const auto payments = card.column<std::int64_t>("payments_7d");

  Time now = std::chrono::sys_days(2026y / 3 / 1);
  OnlineStore store([&now] { return now; });  // a simulated clock
  store.add(card, {.max_entities = 10'000});
  const auto online = store.resolve<float>(card, {"spend_7d"});
  History history(card);

  // A job writes rows of what it knows, half an hour late; meanwhile requests are served, and their labels come five days later.
  FeatureRow row(card);
  Rng rng(1);
  EntityKeys keys;
  std::vector<Time> asked_at, labelled_at;
  std::vector<float> served;
  std::vector<double> fraud, refund;
  for (int i = 0; i < 20'000; ++i) {
    now += 3min;
    const EntityKey writes = card.key(rng.below(500));
    row.begin(writes, now - 30min);
    row.set_available_at(now);
    row.set(spend, static_cast<float>(std::exp(rng.normal())));
    row.set(payments, static_cast<std::int64_t>(rng.below(20)));
    store.put(row);
    history.append(row);

    const EntityKey asks = card.key(rng.below(600));  // some have no row
    float value = 0.0F;
    ValueStatus status{};
    online.get(asks, now, {&value, 1}, {&status, 1});
    keys.append(asks);
    asked_at.push_back(now);
    labelled_at.push_back(now + days(5));
    served.push_back(value);
    fraud.push_back(status == ValueStatus::present && value > 4.0F ? 1.0 : 0.0);
    refund.push_back(fraud.back() == 1.0 ? 20.0 : std::nan(""));  // paid back once it was known to be fraud
  }

  // Training rows: what was known when each request was served, and not what is known now.
  const AsOfIndex index(history);
  const JoinSource source{&index, &keys, {}};
  const JoinedTable table = point_in_time_join(asked_at, {&source, 1});
  const auto status = table.status("card.spend_7d");
  const auto joined = table.values<float>("card.spend_7d");
  std::size_t differ = 0, present = 0;
  for (std::size_t i = 0; i < served.size(); ++i) {
    if (status[i] == ValueStatus::present) ++present;
    if (is_nan(joined[i]) ? !is_nan(served[i]) : joined[i] != served[i]) ++differ;
  }
  fmt::print("{} labels, {} with a fresh row, {} differ from what was served\n", asked_at.size(), present, differ);

  const auto splits = forward_chaining(asked_at, labelled_at, {.folds = 3, .test = days(7), .embargo = days(1)});
  for (const TemporalSplit& split : splits)
    fmt::print("train on {} rows ({} purged), test on {}\n", split.train.size(), split.purged, split.test.size());

  LeakageChecks checks;
  checks.giveaway("refund", refund, fraud);
  checks.future_fit("spend_7d | standardize", asked_at.back(), splits.front());
  for (const LeakageFinding& finding : checks.findings()) fmt::print("{}: {}\n", name_of(finding.leak), finding.text);
  return differ == 0 && checks.findings().size() == 2 ? 0 : 1;
}
