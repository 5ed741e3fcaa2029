#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/time.hpp"
#include "rtml/stream/drift_schedule.hpp"

namespace rtml::stream {

/// One card payment. Its texts belong to the generator.
struct Payment {
  Time at{};
  std::uint64_t card = 0;
  std::string_view merchant;
  std::string_view category;  ///< of the merchant
  std::string_view country;   ///< where the card was used
  std::string_view channel;   ///< "chip" or "online"
  double amount = 0.0;        ///< in the card's currency
  double device_age = 0.0;    ///< days since the device was first seen; NaN when it sent nothing
};

/// Card payments with fraud (some 3 %), whose pattern changes twice: the stream of the demo, on which a frozen model fails in a known way.
///
///  1. First: stolen cards, used for large amounts, mostly abroad and on a device that is new.
///  2. From a third on: card testing. Bursts of small online payments within minutes, from known devices at home: amount, country and
///     device now mislead, and only how often the card paid in the last hour tells. Customers pay more online, and half as much again.
///  3. From two thirds on: a ring cashes out through "giftcard", a category that was not there before, with middling amounts, three to
///     six a card over two hours. Customers buy gift cards too, and many have a new phone.
///
/// `drift` says how sharply (abrupt: at one row; gradual: over a tenth of the stream, row by row; incremental: over a third) and recurring
/// brings the first pattern back at two thirds. The same seed gives the same stream. next() is O(log of what is pending), and allocates
/// nothing after warm-up.
class Payments {
 public:
  struct Options {
    std::uint64_t n = 60'000;  ///< rows, >= 3; some 30 days for 60,000
    std::uint64_t seed = 1;
    Drift drift = Drift::abrupt;
  };

  Payments() : Payments(Options{}) {}

  /// @throws ConfigError
  RTML_API explicit Payments(const Options& options);

  /// The next payment and whether it is fraud; false at the end.
  RTML_API bool next(Payment& payment, bool& fraud);

  /// The rows at the middle of the two drifts; none for Drift::none.
  std::span<const std::uint64_t> drift_points() const noexcept { return drift_points_; }

 private:
  struct Card {
    std::uint64_t id = 0;
    std::uint32_t country = 0;
    double spending = 0.0;  // mean of the log amount
    Time device_since{};
  };
  struct Merchant {
    std::string name;
    std::uint32_t category = 0;
  };
  /// A payment that a fraudster will make.
  struct Planned {
    Time at{};
    std::size_t card = 0;
    std::size_t merchant = 0;
    std::uint32_t country = 0;
    bool online = false;
    double amount = 0.0;
    double device_age = 0.0;
  };

  double reached(std::size_t drift) const noexcept;
  std::size_t pick_merchant(std::uint32_t category);
  std::size_t pick_customer_merchant();
  double log_normal(double mean, double spread);
  void plan_attack();
  void plan(const Planned& planned);
  void emit_customer(Payment& payment);
  void emit_planned(Payment& payment);

  Options options_;
  std::vector<std::uint64_t> drift_points_;
  Rng rng_;
  std::vector<Card> cards_;
  std::vector<Merchant> merchants_;  // those of a category lie together
  std::vector<Planned> planned_;     // a heap, the next on top
  Time now_{};
  std::uint64_t row_ = 0;
};

}  // namespace rtml::stream
