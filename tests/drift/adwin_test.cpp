#include "rtml/drift/adwin.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Adwin;
using rtml::drift::Direction;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;
using rtml::testing::reference_stream;

static_assert(rtml::ChangeDetector<Adwin>);

namespace {

/// The rules of ADWIN word by word: each cut tested with divisions and roots, buckets in one list, oldest first.
class PlainAdwin {
 public:
  PlainAdwin(double delta, std::uint64_t clock, Rules rules)
      : delta_(delta), clock_(clock), least_part_(rules == Rules::moa ? 6.0 : 0.0), held_back_(rules == Rules::moa ? 4.0 : 0.0) {}

  bool update(double value) {
    buckets_.push_back({1.0, value, 0.0});
    for (double size = 1.0;; size *= 2.0) {
      const auto same = [size](const Bucket& bucket) { return bucket.n == size; };
      if (std::count_if(buckets_.begin(), buckets_.end(), same) <= 5) break;
      const auto oldest = std::find_if(buckets_.begin(), buckets_.end(), same);
      *oldest = joined(*oldest, *(oldest + 1));
      buckets_.erase(oldest + 1);
    }
    if (++time_ % clock_ != 0) return false;
    bool cut = false;
    while (differs()) {
      buckets_.erase(buckets_.begin());
      cut = true;
    }
    return cut;
  }

 private:
  struct Bucket {
    double n, total, squares;
  };

  static Bucket joined(const Bucket& a, const Bucket& b) {
    const double gap = a.total / a.n - b.total / b.n;
    return {a.n + b.n, a.total + b.total, a.squares + b.squares + a.n * b.n * gap * gap / (a.n + b.n)};
  }

  bool differs() const {
    Bucket all = buckets_.front();
    for (std::size_t i = 1; i < buckets_.size(); ++i) all = joined(all, buckets_[i]);
    if (all.n <= (least_part_ > 0.0 ? 10.0 : 1.0)) return false;
    const double log_term = std::log(2.0 * std::log(all.n) / delta_);
    double n0 = 0.0;
    double u0 = 0.0;
    for (const Bucket& bucket : buckets_) {
      n0 += bucket.n;
      u0 += bucket.total;
      const double n1 = all.n - n0;
      if (n0 <= least_part_ || n1 <= least_part_) continue;
      const double m = 1.0 / (n0 - held_back_) + 1.0 / (n1 - held_back_);
      const double epsilon = std::sqrt(2.0 * m * all.squares / all.n * log_term) + 2.0 / 3.0 * log_term * m;
      if (std::abs(u0 / n0 - (all.total - u0) / n1) > epsilon) return true;
    }
    return false;
  }

  double delta_;
  std::uint64_t clock_;
  double least_part_;
  double held_back_;
  std::uint64_t time_ = 0;
  std::vector<Bucket> buckets_;
};

}  // namespace

TEST_CASE("Adwin keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Adwin(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
  rtml::testing::check_detector(Adwin({.clock = 1, .scale = 8.0, .direction = Direction::rise}),
                                rtml::testing::gaussian_with_jump(5, 1200, 600, 2.0));
}

TEST_CASE("Adwin with MOA's rules alarms where MOA's does on 17 streams, and ends with the same window", "[drift][reference]") {
  for (const auto& reference : rtml::testing::stream_references()) {
    CAPTURE(reference.name);
    const auto values = reference_stream(reference);
    Adwin detector({.rules = Rules::moa});
    CHECK(alarms_on(detector, values).drifts == reference.adwin);
    CHECK(detector.width() == reference.adwin_width);
    CHECK(detector.mean() * static_cast<double>(detector.width()) == Approx(reference.adwin_total).epsilon(1e-9).margin(1e-9));
    // Around 1e9 rounding leaves a squared deviation 7 digits, and MOA subtracts where this adds up anew.
    const double digits = std::abs(detector.mean()) > 1e8 ? 1e-6 : 1e-9;
    CHECK(detector.variance() == Approx(reference.adwin_variance).epsilon(digits).margin(1e-12));
    Adwin rise({.direction = Direction::rise, .rules = Rules::moa});
    CHECK(alarms_on(rise, values).drifts == reference.adwin_rise);
  }
}

TEST_CASE("Adwin alarms as its rules say word by word, for values of any scale, eager or not", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 21u));
  const auto rules = GENERATE(Rules::paper, Rules::moa);
  CAPTURE(seed, rules == Rules::moa);
  for (const double unit : {0.1, 1.0, 1000.0}) {
    for (const double delta : {0.002, 0.3, 0.95}) {
      CAPTURE(unit, delta);
      auto values = rtml::testing::gaussian_with_jump(seed, 600, 300, 0.5);
      const auto steps = rtml::testing::bernoulli_with_jump(seed, 100, 12 + seed % 4, 0.0, 1.0);  // short windows, sharp changes
      values.insert(values.end(), steps.begin(), steps.end());
      PlainAdwin plain(delta, 1, rules);
      Adwin detector({.delta = delta, .clock = 1, .rules = rules});
      for (std::size_t i = 0; i < values.size(); ++i) {
        CAPTURE(i);
        REQUIRE((detector.update(unit * values[i]) == Change::drift) == plain.update(unit * values[i]));
      }
    }
  }
}

TEST_CASE("Adwin with MOA's rules cuts off no part of 6 values, wherever a short window changes", "[drift][reference]") {
  for (std::size_t part = 4; part < 14; ++part) {
    for (const double delta : {0.5, 0.9, 0.999}) {
      CAPTURE(part, delta);
      PlainAdwin plain(delta, 1, Rules::moa);
      Adwin detector({.delta = delta, .clock = 1, .rules = Rules::moa});
      for (std::size_t i = 0; i < 40; ++i) {
        CAPTURE(i);
        const double value = i < part ? 0.0 : 1000.0;
        CHECK((detector.update(value) == Change::drift) == plain.update(value));
      }
    }
  }
}

TEST_CASE("Adwin's variance is never negative, whatever was taken out of the window", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 31u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  Adwin detector({.clock = 1});
  double least = 0.0;
  for (int level = 0; level < 20; ++level) {
    const double value = rng.uniform();
    for (int i = 0; i < 150; ++i) {
      detector.update(value);
      least = std::min(least, detector.variance());
    }
  }
  CHECK(least == 0.0);
}

TEST_CASE("Adwin tells a fall where it tells no rise", "[drift][reference]") {
  for (const auto& reference : rtml::testing::stream_references()) {
    CAPTURE(reference.name);
    auto values = reference_stream(reference);
    Adwin rise({.direction = Direction::rise});
    Adwin fall({.direction = Direction::fall});
    const auto up = alarms_on(rise, values).drifts;
    const auto down = alarms_on(fall, values).drifts;
    Adwin both;
    CHECK(up.size() + down.size() == alarms_on(both, values).drifts.size());
    for (double& value : values) value = -value;
    fall.reset();
    if (reference.adwin_total < 1e11) CHECK(alarms_on(fall, values).drifts == up);
  }
}

TEST_CASE("Adwin sees a rise of an error rate from 0.1 to 0.2 after 247 values", "[drift][reference]") {
  for (const auto& reference : rtml::testing::stream_references()) {
    if (reference.name != "bern_abrupt_0.1_0.2") continue;
    Adwin detector;
    CHECK(alarms_on(detector, reference_stream(reference)).drifts.front() == 5247);
  }
}

TEST_CASE("Adwin gives no alarm on a stationary error rate, on every seed", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  Adwin detector;
  CHECK(alarms_on(detector, bernoulli_with_jump(seed, 20000, 20000, 0.1 + 0.04 * seed, 0.0)).drifts.empty());
  CHECK(detector.width() == 20000);
}

TEST_CASE("Adwin's window forgets what was before the change", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  Adwin detector;
  alarms_on(detector, bernoulli_with_jump(seed, 10000, 5000, 0.2, 0.7));
  CHECK(detector.width() <= 5200);
  CHECK(detector.width() >= 4800);
  CHECK(detector.mean() == Approx(0.7).margin(0.03));
  CHECK(detector.variance() == Approx(0.21).margin(0.02));
}

TEST_CASE("Adwin's scale takes the unit out: values and scale multiplied by a power of two alarm alike", "[drift][metamorphic]") {
  auto values = rtml::testing::gaussian_with_jump(11, 3000, 1500, 1.5);
  Adwin detector({.scale = 8.0});
  Adwin bigger({.scale = 8.0 * 1024.0});
  const auto alarms = alarms_on(detector, values).drifts;
  for (double& value : values) value *= 1024.0;
  CHECK(!alarms.empty());
  CHECK(alarms_on(bigger, values).drifts == alarms);
  CHECK(bigger.mean() == 1024.0 * detector.mean());
  CHECK(bigger.variance() == 1024.0 * 1024.0 * detector.variance());
}

TEST_CASE("Adwin goes on alarming after a stretch of constant values", "[drift]") {
  // Rounding used to leave a variance below zero here (a sum of squares taken apart again), and a NaN never alarms.
  Adwin detector;
  std::vector<double> values(20000, 0.1);
  std::fill(values.begin() + 4000, values.begin() + 8000, 0.7);
  std::fill(values.begin() + 8000, values.begin() + 12000, 0.3);
  std::fill(values.begin() + 12000, values.end(), 0.9);
  const auto alarms = alarms_on(detector, values).drifts;
  for (const std::size_t change : {4000U, 8000U, 12000U}) {
    CAPTURE(change);
    CHECK(std::any_of(alarms.begin(), alarms.end(), [change](std::size_t at) { return at >= change && at < change + 64; }));
  }
  CHECK(detector.mean() == Approx(0.9).margin(0.005));  // the cut leaves part of a bucket
  CHECK(detector.variance() >= 0.0);
}

TEST_CASE("Adwin sees a change of an error rate after values that were larger by far, which leave nothing in its variance", "[drift]") {
  const double large = GENERATE(1e6, 1e9, 1e15);
  const auto rules = GENERATE(Rules::paper, Rules::moa);
  CAPTURE(large, rules == Rules::moa);
  Adwin detector({.rules = rules});
  rtml::Rng rng(7);
  for (int i = 0; i < 3000; ++i) detector.update(large * rng.uniform());
  for (const double value : bernoulli_with_jump(3, 3000, 3000, 0.2, 0.2)) detector.update(value);
  CHECK(detector.width() <= 3000);
  CHECK(detector.mean() == Approx(0.2).margin(0.03));
  CHECK(detector.variance() == Approx(0.16).margin(0.02));
  const auto alarms = alarms_on(detector, bernoulli_with_jump(4, 500, 500, 0.8, 0.8)).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() < 96);
}

TEST_CASE("Adwin says NaN for the mean of an empty window", "[drift]") {
  Adwin detector;
  CHECK(rtml::is_nan(detector.mean()));
  CHECK(rtml::is_nan(detector.variance()));
  detector.update(0.5);
  CHECK(detector.mean() == 0.5);
  detector.reset();
  CHECK(detector.width() == 0);
}

TEST_CASE("Adwin names the option that is out of range", "[drift][config]") {
  CHECK_THROWS_WITH(Adwin({.delta = 0.0}), "Adwin: delta is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Adwin({.delta = 1.0}), "Adwin: delta is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(Adwin({.clock = 0}), "Adwin: clock is 0, must be >= 1");
  CHECK_THROWS_WITH(Adwin({.scale = 0.0}), "Adwin: scale is 0, must be in [1e-15, 1e+15]");
  CHECK_THROWS_AS(Adwin({.delta = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
  CHECK_THROWS_AS(Adwin({.scale = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
