#include "rtml/stream/payments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "rtml/core/error.hpp"
#include "rtml/core/math.hpp"

namespace rtml::stream {

namespace {

struct Category {
  std::string_view name;
  double popularity;  // share of customers' payments
  double level;       // added to the log amount
  double online;      // share of payments
};
constexpr std::array<Category, 10> categories{{{"grocery", 0.28, 0.0, 0.10},
                                               {"restaurant", 0.17, -0.2, 0.10},
                                               {"fuel", 0.11, 0.2, 0.02},
                                               {"clothing", 0.10, 0.5, 0.50},
                                               {"digital", 0.12, -1.2, 1.00},
                                               {"pharmacy", 0.08, -0.3, 0.15},
                                               {"electronics", 0.06, 1.3, 0.60},
                                               {"travel", 0.05, 1.6, 0.80},
                                               {"jewelry", 0.03, 1.7, 0.30},
                                               {"giftcard", 0.0, 0.9, 0.90}}};
constexpr std::uint32_t digital = 4;
constexpr std::array<std::uint32_t, 3> resellable{6, 7, 8};
constexpr std::uint32_t giftcard = 9;
constexpr std::uint64_t merchants_each = 30;
constexpr std::size_t cards = 1500;
constexpr std::array<std::string_view, 12> countries{"DE", "FR", "NL", "IT", "ES", "PL", "AT", "BE", "US", "BR", "TH", "ZA"};
constexpr std::uint64_t home_countries = 8;

constexpr double payments_a_day = 1900.0;
constexpr double attack_rate[3] = {0.0195, 0.0029, 0.0068};                // for each customer payment; about 3 % fraud in each
constexpr Time first_payment = Time(std::chrono::seconds(1'767'225'600));  // 2026-01-01

double cents(double amount) { return std::max(0.5, std::floor(amount * 100.0 + 0.5) / 100.0); }

Duration minutes_of(double count) { return Duration(static_cast<std::int64_t>(count * 60e6)); }

double days_between(Time from, Time to) { return static_cast<double>((to - from).count()) / 86'400e6; }

}  // namespace

Payments::Payments(const Options& options) : options_(options), rng_(options.seed), now_(first_payment) {
  require("Payments", "n", options.n, options.n >= 3, ">= 3");
  if (options.drift != Drift::none) drift_points_ = {options.n / 3, 2 * (options.n / 3)};
  for (std::size_t i = 0; i < cards; ++i) {
    Card card;
    card.id = 4'000'000'000'000ULL + hash_integer(i, 7) % 1'000'000'000'000ULL;
    card.country = static_cast<std::uint32_t>(rng_.below(home_countries));
    card.spending = 3.0 + 0.5 * rng_.normal();
    card.device_since = now_ - minutes_of(rng_.uniform() * 900.0 * 1440.0);
    cards_.push_back(card);
  }
  for (std::uint32_t category = 0; category < categories.size(); ++category)
    for (std::uint64_t i = 0; i < merchants_each; ++i)
      merchants_.push_back({std::string(categories[category].name) + "-" + to_text(i + 1), category});
}

double Payments::reached(std::size_t drift) const noexcept {
  if (options_.drift == Drift::none) return 0.0;
  const auto n = static_cast<double>(options_.n);
  const double width = options_.drift == Drift::gradual ? n / 10.0 : options_.drift == Drift::incremental ? n / 3.0 : 0.0;
  const double past = static_cast<double>(row_) - static_cast<double>(drift_points_[drift]);
  return width > 0.0 ? std::clamp(0.5 + past / width, 0.0, 1.0) : (past >= 0.0 ? 1.0 : 0.0);
}

std::size_t Payments::pick_merchant(std::uint32_t category) {
  const double u = rng_.uniform();
  const auto rank = static_cast<std::uint64_t>(u * u * static_cast<double>(merchants_each));  // a few have most of the customers
  return category * merchants_each + rank;
}

std::size_t Payments::pick_customer_merchant() {
  const bool third = options_.drift != Drift::recurring;
  if (third && drift_points_.size() == 2 && rng_.uniform() < 0.05 * reached(1)) return pick_merchant(giftcard);
  double u = rng_.uniform();
  std::uint32_t category = 0;
  while (category + 2 < categories.size() && u >= categories[category].popularity) u -= categories[category++].popularity;
  return pick_merchant(category);
}

double Payments::log_normal(double mean, double spread) {
  return static_cast<double>(math::exp(static_cast<float>(mean + spread * rng_.normal())));
}

bool Payments::next(Payment& payment, bool& fraud) {
  if (row_ == options_.n) return false;
  const double hour = std::fmod(static_cast<double>((now_ - first_payment).count()) / 3600e6, 24.0);
  const double activity = hour < 6.0 ? 0.25 : hour < 9.0 ? 0.9 : hour < 21.0 ? 1.4 : 0.8;  // 1 on average
  const double gap = -static_cast<double>(math::log(static_cast<float>(1.0 - rng_.uniform() * 0.999999)));
  const Time customer_at = now_ + minutes_of(gap * 1440.0 / (payments_a_day * activity));
  fraud = !planned_.empty() && planned_.front().at <= customer_at;
  if (fraud) {
    emit_planned(payment);
  } else {
    now_ = customer_at;
    emit_customer(payment);
    plan_attack();
  }
  ++row_;
  return true;
}

void Payments::emit_customer(Payment& payment) {
  const double u = rng_.uniform();
  Card& card = cards_[static_cast<std::size_t>(u * std::sqrt(u) * static_cast<double>(cards))];
  const Merchant& merchant = merchants_[pick_customer_merchant()];
  const Category& category = categories[merchant.category];
  const double first = reached(0);
  const double second = options_.drift == Drift::recurring ? 0.0 : reached(1);
  const double online = category.online + (1.0 - category.online) * 0.3 * first;
  if (rng_.uniform() < 0.0005 + 0.006 * second) card.device_since = now_ - minutes_of(rng_.uniform() * 2880.0);

  payment.at = now_;
  payment.card = card.id;
  payment.merchant = merchant.name;
  payment.category = category.name;
  payment.country = countries[rng_.uniform() < 0.94 ? card.country : rng_.below(countries.size())];
  payment.channel = rng_.uniform() < online ? "online" : "chip";
  payment.amount = cents(log_normal(card.spending + category.level + 0.4 * first, 0.6));
  payment.device_age = rng_.uniform() < 0.05 ? std::numeric_limits<double>::quiet_NaN() : days_between(card.device_since, now_);
}

void Payments::emit_planned(Payment& payment) {
  std::pop_heap(planned_.begin(), planned_.end(), [](const Planned& a, const Planned& b) { return a.at > b.at; });
  const Planned planned = planned_.back();
  planned_.pop_back();
  now_ = std::max(now_, planned.at);
  payment.at = now_;
  payment.card = cards_[planned.card].id;
  payment.merchant = merchants_[planned.merchant].name;
  payment.category = categories[merchants_[planned.merchant].category].name;
  payment.country = countries[planned.country];
  payment.channel = planned.online ? "online" : "chip";
  payment.amount = cents(planned.amount);
  payment.device_age = planned.device_age;
}

void Payments::plan(const Planned& planned) {
  planned_.push_back(planned);
  std::push_heap(planned_.begin(), planned_.end(), [](const Planned& a, const Planned& b) { return a.at > b.at; });
}

void Payments::plan_attack() {
  std::size_t pattern = rng_.uniform() < reached(0) ? 1 : 0;
  if (rng_.uniform() < reached(drift_points_.size() == 2 ? 1 : 0)) pattern = options_.drift == Drift::recurring ? 0 : 2;
  if (rng_.uniform() >= attack_rate[pattern]) return;

  Planned planned;
  planned.card = static_cast<std::size_t>(rng_.below(cards));
  const Card& card = cards_[planned.card];
  planned.country = card.country;
  planned.at = now_ + minutes_of(1.0 + 20.0 * rng_.uniform());
  switch (pattern) {
    case 0:
      for (std::uint64_t left = 1 + rng_.below(2); left > 0; --left) {
        planned.merchant = pick_merchant(resellable[rng_.below(resellable.size())]);
        planned.online = rng_.uniform() < 0.7;
        if (rng_.uniform() < 0.7)
          planned.country = static_cast<std::uint32_t>(home_countries + rng_.below(countries.size() - home_countries));
        planned.amount = log_normal(card.spending + 2.6, 0.5);
        planned.device_age = rng_.uniform() < 0.7 ? rng_.uniform() : days_between(card.device_since, planned.at);
        plan(planned);
        planned.at += minutes_of(60.0 + 240.0 * rng_.uniform());
      }
      break;
    case 1:
      for (std::uint64_t left = 8 + rng_.below(7); left > 0; --left) {
        planned.merchant = pick_merchant(digital);
        planned.online = true;
        planned.amount = 1.0 + 11.0 * rng_.uniform();
        planned.device_age = days_between(card.device_since, planned.at);
        plan(planned);
        planned.at += minutes_of(0.5 + 3.0 * rng_.uniform());
      }
      break;
    default:
      for (std::uint64_t left = 3 + rng_.below(4); left > 0; --left) {
        planned.merchant = pick_merchant(giftcard);
        planned.online = true;
        planned.amount = 50.0 * static_cast<double>(1 + rng_.below(4));
        planned.device_age = 5.0 + 20.0 * rng_.uniform();
        plan(planned);
        planned.at += minutes_of(5.0 + 30.0 * rng_.uniform());
      }
      break;
  }
}

}  // namespace rtml::stream
