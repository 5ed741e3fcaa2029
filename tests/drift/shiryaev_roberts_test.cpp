#include "rtml/drift/shiryaev_roberts.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"

#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::Rng;
using rtml::drift::Direction;
using rtml::drift::ShiryaevRoberts;
using rtml::testing::gaussian_with_jump;

static_assert(rtml::ChangeDetector<ShiryaevRoberts>);

namespace {

using Draw = std::function<double(Rng&)>;

struct Distribution {
  const char* name;
  Draw draw;
};

std::vector<Distribution> distributions() {
  return {{"normal", [](Rng& rng) { return rng.normal(); }},
          {"Bernoulli 0.2", [](Rng& rng) { return rng.uniform() < 0.2 ? 1.0 : 0.0; }},
          {"Bernoulli 0.01", [](Rng& rng) { return rng.uniform() < 0.01 ? 1.0 : 0.0; }},
          {"lognormal", [](Rng& rng) { return std::exp(rng.normal()); }},
          {"Cauchy", [](Rng& rng) { return rng.normal() / rng.normal(); }},
          {"three values", [](Rng& rng) { return static_cast<double>(rng.below(3)); }},
          {"half of it zero", [](Rng& rng) { return rng.uniform() < 0.5 ? 0.0 : rng.normal(); }}};
}

struct Mean {
  double value = 0.0;
  double error = 0.0;  // standard
};

Mean mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  double squares = 0.0;
  for (const double value : values) sum += value, squares += value * value;
  const auto n = static_cast<double>(values.size());
  return {sum / n, std::sqrt((squares / n - sum / n * (sum / n)) / n)};
}

/// Values after the reference to the first alarm, over seeded runs; cut at `most`, which only makes the mean smaller.
Mean run_length(ShiryaevRoberts::Options options, const Draw& draw, std::size_t runs, std::size_t reference, std::size_t most) {
  std::vector<double> lengths;
  for (std::size_t run = 0; run < runs; ++run) {
    options.seed = run;
    ShiryaevRoberts detector(options);
    Rng rng(1000 + run);
    std::size_t n = 1;
    while (n < reference + most && detector.update(draw(rng)) != Change::drift) ++n;
    lengths.push_back(static_cast<double>(n - reference));
  }
  return mean_of(lengths);
}

/// Mean delay to an alarm of a change after 1000 values, over the runs without an alarm before.
template <class Detector>
double delay_of(const Detector& fresh, double shift, std::size_t before = 1000) {
  std::vector<double> delays;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Detector detector = fresh;
    Rng rng(seed);
    bool early = false;
    for (std::size_t i = 0; i < before && !early; ++i) early = detector.update(rng.normal()) == Change::drift;
    if (early) continue;
    double delay = 1.0;
    while (detector.update(rng.normal() + shift) != Change::drift && delay < 20'000.0) ++delay;
    delays.push_back(delay);
  }
  return mean_of(delays).value;
}

/// The quickest detector of a known shift: Page's CUSUM of log likelihood ratios, a run length of 10000 by D. Siegmund's approximation
/// (Sequential Analysis, 1985, 10.2): (e^b - b - 1) / (d^2 / 2), b = threshold + 1.166 d.
class Oracle {
 public:
  explicit Oracle(double shift) : shift_(shift) {
    double b = 0.0;
    while ((std::exp(b) - b - 1.0) / (0.5 * shift * shift) < 10'000.0) b += 1e-4;
    threshold_ = b - 1.166 * shift;
  }
  Change update(double value) {
    sum_ = std::max(0.0, sum_ + shift_ * value - 0.5 * shift_ * shift_);
    return sum_ >= threshold_ ? Change::drift : Change::none;
  }

 private:
  double shift_;
  double threshold_ = 0.0;
  double sum_ = 0.0;
};

std::vector<Change> told(ShiryaevRoberts detector, const std::vector<double>& values) {
  return rtml::testing::detail::changes(detector, values);
}

}  // namespace

TEST_CASE("ShiryaevRoberts keeps the laws of a change detector, whatever its reference", "[drift][laws]") {
  const auto values = gaussian_with_jump(3, 900, 400, 2.0);
  rtml::testing::check_detector(ShiryaevRoberts({.reference = 200}), values);
  rtml::testing::check_detector(ShiryaevRoberts({.mean = 0.0, .deviation = 1.0}), values);
  rtml::testing::check_detector(ShiryaevRoberts({.reference = 100, .direction = Direction::rise}),
                                rtml::testing::bernoulli_with_jump(3, 900, 400, 0.2, 0.7));
}

TEST_CASE("ShiryaevRoberts alarms falsely once in arl values at most, on any distribution, from a learned reference",
          "[drift][property][simulation]") {
  for (const auto& [name, draw] : distributions()) {
    for (const std::uint64_t reference : {100U, 300U}) {
      const Mean length = run_length({.arl = 500.0, .reference = reference}, draw, 500, reference, 2000);
      CAPTURE(name, reference, length.value, length.error);
      CHECK(length.value - 2.0 * length.error > 500.0);
    }
  }
}

TEST_CASE("ShiryaevRoberts with a learned reference is not silent: its run length is below twice arl on normal values", "[drift]") {
  const Mean length = run_length({.arl = 500.0, .reference = 300}, distributions().front().draw, 500, 300, 10'000);
  CHECK(length.value + 2.0 * length.error < 1000.0);
}

TEST_CASE("ShiryaevRoberts alarms falsely once in arl values at most in one direction too", "[drift][property][simulation]") {
  const auto direction = GENERATE(Direction::rise, Direction::fall);
  const Draw draw = [](Rng& rng) { return std::exp(rng.normal()); };
  const Mean length = run_length({.arl = 500.0, .reference = 100, .direction = direction}, draw, 800, 100, 10'000);
  CHECK(length.value - 2.0 * length.error > 500.0);
}

TEST_CASE("ShiryaevRoberts alarms falsely once in arl values at most around a known reference, normal or bounded",
          "[drift][property][simulation]") {
  const Mean normal = run_length(
      {.arl = 500.0, .mean = 3.0, .deviation = 2.0}, [](Rng& rng) { return 3.0 + 2.0 * rng.normal(); }, 2000, 0, 10'000);
  CHECK(normal.value - 2.0 * normal.error > 500.0);
  CHECK(normal.value < 1000.0);  // and the bound is not an idle one
  const Mean bounded = run_length(
      {.arl = 500.0, .mean = 0.2, .deviation = 0.5}, [](Rng& rng) { return rng.uniform() < 0.2 ? 1.0 : 0.0; }, 300, 0, 10'000);
  CHECK(bounded.value - 2.0 * bounded.error > 500.0);
}

TEST_CASE("ShiryaevRoberts around a known reference is within 1.4 of the oracle's delay from 0.25 to 2 deviations",
          "[drift][property][simulation]") {
  const ShiryaevRoberts known({.mean = 0.0, .deviation = 1.0});
  for (const double shift : {0.25, 0.5, 1.0, 2.0}) {
    const double oracle = delay_of(Oracle(shift), shift);
    const double delay = delay_of(known, shift);
    CAPTURE(shift, delay, oracle);
    CHECK(delay < 1.4 * oracle);
    CHECK(delay_of(known, -shift) < 1.4 * oracle);
    CHECK(delay > oracle);  // nothing is quicker at an equal run length
  }
}

TEST_CASE("ShiryaevRoberts after 5000 learned values is within 1.5 of the oracle's delay from 0.5 to 2 deviations",
          "[drift][property][simulation]") {
  for (const double shift : {0.5, 1.0, 2.0}) {
    const double oracle = delay_of(Oracle(shift), shift);
    const double delay = delay_of(ShiryaevRoberts(), shift, 5000);
    CAPTURE(shift, delay, oracle);
    CHECK(delay < 1.5 * oracle);
  }
}

TEST_CASE("ShiryaevRoberts with a learned reference knows only the order of values: monotone maps move no alarm", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 6u));
  auto values = gaussian_with_jump(seed, 3000, 1500, 0.7);
  const ShiryaevRoberts fresh({.reference = 800});
  const auto expected = told(fresh, values);
  CHECK(std::count(expected.begin(), expected.end(), Change::drift) > 0);
  for (double& value : values) value = std::exp(value);
  CHECK(told(fresh, values) == expected);
  for (double& value : values) value = 1e6 * value - 3.0;
  CHECK(told(fresh, values) == expected);
}

TEST_CASE("ShiryaevRoberts around a known reference: mirrored values tell a fall where they told a rise", "[drift][metamorphic]") {
  auto values = gaussian_with_jump(5, 3000, 1000, 0.5);
  const auto rises = told(ShiryaevRoberts({.mean = 0.0, .deviation = 1.0, .direction = Direction::rise}), values);
  CHECK(std::count(rises.begin(), rises.end(), Change::drift) > 0);
  CHECK(told(ShiryaevRoberts({.mean = 1.0, .deviation = 2.0, .direction = Direction::rise}), values) != rises);  // the reference matters
  for (double& value : values) value = -value;
  CHECK(told(ShiryaevRoberts({.mean = 0.0, .deviation = 1.0, .direction = Direction::fall}), values) == rises);
}

TEST_CASE("ShiryaevRoberts in one direction leaves the other alone", "[drift]") {
  const auto drifts = [](ShiryaevRoberts::Options options, double jump) {
    const auto said = told(ShiryaevRoberts(options), gaussian_with_jump(9, 1500, 1000, jump));
    return std::count(said.begin(), said.end(), Change::drift);
  };
  for (const double up : {1.0, -1.0}) {
    const Direction toward = up > 0.0 ? Direction::rise : Direction::fall;
    CHECK(drifts({.reference = 500, .direction = toward}, up) == 1);
    CHECK(drifts({.reference = 500, .direction = toward}, -up) == 0);
    CHECK(drifts({.mean = 0.0, .deviation = 1.0, .direction = toward}, up) > 1);  // the reference stays, so alarms go on
    CHECK(drifts({.mean = 0.0, .deviation = 1.0, .direction = toward}, -up) == 0);
  }
}

TEST_CASE("ShiryaevRoberts says about when the drift began", "[drift][property]") {
  for (const auto& options : {ShiryaevRoberts::Options{}, ShiryaevRoberts::Options{.mean = 0.0, .deviation = 1.0}}) {
    std::vector<double> off;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      ShiryaevRoberts detector(options);
      const auto values = gaussian_with_jump(seed, 3500, 3000, 1.0);
      std::size_t i = 0;
      bool early = false;
      while (i < 3000) early = detector.update(values[i++]) == Change::drift || early;
      if (early) continue;
      while (i + 1 < values.size() && detector.update(values[i]) != Change::drift) ++i;
      off.push_back(std::abs(static_cast<double>(i + 1 - detector.drift_age()) - 3000.0));
    }
    CAPTURE(mean_of(off).value);
    CHECK(off.size() > 20);
    CHECK(mean_of(off).value < 6.0);
  }
}

TEST_CASE("ShiryaevRoberts says nothing of values that are all equal, however many", "[drift]") {
  ShiryaevRoberts learned({.arl = 100.0, .reference = 100});
  std::size_t alarms = 0;
  for (int i = 0; i < 20'000; ++i) alarms += learned.update(3.0) == Change::drift ? 1U : 0U;
  CHECK(alarms == 0);
  std::size_t delay = 1;
  while (learned.update(2.0) != Change::drift && delay < 1000) ++delay;
  CHECK(delay < 10);
}

TEST_CASE("ShiryaevRoberts sees an error rate of 0/1 values rise by less than normal scores of their ranks would", "[drift][property]") {
  // Without knowing where ties are, the delay is about twice this.
  std::vector<double> delays;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    ShiryaevRoberts detector({.reference = 2000, .seed = seed});
    const auto values = rtml::testing::bernoulli_with_jump(seed, 20'000, 3000, 0.2, 0.4);
    std::size_t i = 0;
    bool early = false;
    while (i < 3000) early = detector.update(values[i++]) == Change::drift || early;
    if (early) continue;
    while (i + 1 < values.size() && detector.update(values[i]) != Change::drift) ++i;
    delays.push_back(static_cast<double>(i + 1 - 3000));
  }
  const double delay = mean_of(delays).value;
  CAPTURE(delay);
  CHECK(delay < 80.0);
  CHECK(delay > 45.0);  // the oracle's is 50: less would mean that ties know the values, which come from a generator of the same seed
}

TEST_CASE("ShiryaevRoberts survives the largest values, and alarms on them", "[drift]") {
  ShiryaevRoberts detector({.mean = 0.0, .deviation = 1e-15});
  CHECK(detector.update(9e14) == Change::drift);
  CHECK(detector.update(-9e14) == Change::drift);
  CHECK(detector.drift_age() == 1);
  CHECK(detector.update(1e16) == Change::none);
  CHECK(detector.refused() == 1);
}

TEST_CASE("ShiryaevRoberts is not loaded into one with another reference", "[drift]") {
  const ShiryaevRoberts saved({.reference = 200});
  ShiryaevRoberts longer({.reference = 300});
  ShiryaevRoberts known({.mean = 0.0, .deviation = 1.0});
  CHECK_THROWS_AS(rtml::load(longer, rtml::save(saved)), rtml::FormatError);
  CHECK_THROWS_AS(rtml::load(known, rtml::save(saved)), rtml::FormatError);
  CHECK_THROWS_AS(rtml::load(longer, rtml::save(known)), rtml::FormatError);
}

TEST_CASE("ShiryaevRoberts names the option that is out of range", "[drift][config]") {
  CHECK_THROWS_WITH(ShiryaevRoberts({.arl = 0.5}), "ShiryaevRoberts: arl is 0.5, must be in [1, 1e+12]");
  CHECK_THROWS_WITH(ShiryaevRoberts({.reference = 99}), "ShiryaevRoberts: reference is 99, must be in [100, 1000000]");
  CHECK_THROWS_WITH(ShiryaevRoberts({.mean = 0.0, .deviation = 0.0}), "ShiryaevRoberts: deviation is 0, must be in [1e-15, 1e+15]");
  CHECK_THROWS_AS(ShiryaevRoberts({.mean = std::nan(""), .deviation = 1.0}), rtml::ConfigError);
  CHECK_THROWS_AS(ShiryaevRoberts({.arl = std::nan("")}), rtml::ConfigError);
  CHECK_THROWS_WITH(ShiryaevRoberts({.mean = 0.0}), "ShiryaevRoberts: mean is 0, must be given with deviation, or neither");
  CHECK_THROWS_WITH(ShiryaevRoberts({.deviation = 2.0}), "ShiryaevRoberts: deviation is 2, must be given with mean, or neither");
}
