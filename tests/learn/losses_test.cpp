#include "rtml/learn/losses.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "learn/plain_linear.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

template <class Loss>
std::vector<float> loss_labels() {
  if (Loss::task == Task::binary) return {0.0F, 1.0F};
  if (Loss::counts) return {0.0F, 1.0F, 7.0F, 200.0F};
  return {-3.0F, 0.0F, 0.5F, 4.0F};
}

/// Follows -dL/dm in many small steps of the plain gradient: what a flow is, without any formula for it.
template <class Loss>
double loss_descent(double m, double y, double time) {
  constexpr int steps = 200000;
  for (int i = 0; i < steps; ++i) m -= time / steps * testing::plain_gradient(Loss{}, m, y);
  return m;
}

}  // namespace

TEMPLATE_TEST_CASE("a flow is the limit of small gradient steps", "[learn][reference]", Squared, Logistic, Hinge, Quantile, Poisson, Huber,
                   Expectile) {
  for (const float y : loss_labels<TestType>()) {
    for (const float m : {-4.0F, -0.7F, 0.0F, 0.3F, 3.0F}) {
      for (const float time : {0.01F, 0.3F, 2.0F}) {
        CAPTURE(y, m, time);
        const TestType loss{};
        const double truth = loss_descent<TestType>(static_cast<double>(m), static_cast<double>(y), static_cast<double>(time));
        CHECK(static_cast<double>(m + loss.flow(m, y, time)) == Approx(truth).margin(2e-4).epsilon(1e-4));
      }
    }
  }
}

TEMPLATE_TEST_CASE("two flows are one of twice the time", "[learn][metamorphic]", Squared, Logistic, Hinge, Quantile, Poisson, Huber,
                   Expectile) {
  const TestType loss{};
  for (const float y : loss_labels<TestType>()) {
    for (const float m : {-5.0F, -0.5F, 0.0F, 2.0F, 6.0F}) {
      for (const float time : {1e-4F, 0.1F, 1.0F, 20.0F}) {
        CAPTURE(y, m, time);
        const float half = m + loss.flow(m, y, time);
        CHECK(half + loss.flow(half, y, time) == Approx(m + loss.flow(m, y, 2.0F * time)).margin(2e-4));
      }
    }
  }
}

TEMPLATE_TEST_CASE("a flow goes downhill, never beyond the minimum, however long", "[learn][property]", Squared, Logistic, Hinge, Quantile,
                   Poisson, Huber, Expectile) {
  const TestType loss{};
  for (const float y : loss_labels<TestType>()) {
    for (float m = -30.0F; m <= 30.0F; m += 1.7F) {
      for (const float time : {1e-20F, 1e-3F, 1.0F, 1e3F, 1e15F, 1e30F}) {
        CAPTURE(y, m, time);
        const float moved = loss.flow(m, y, time);
        REQUIRE(is_finite(moved));
        const float before = loss.gradient(m, y);
        CHECK(before * moved <= 0.0F);
        const float after = loss.gradient(m + 0.9999F * moved, y);  // short of the end, which rounding may put beyond
        CHECK(before * after >= -1e-5F * before * before);
      }
    }
  }
}

TEST_CASE("the invariant logistic step has the values of its defining equation", "[learn][reference]") {
  // d + e^q (e^d - 1) = h at q = 0: h = 1 + (e - 1) = e gives d = 1.
  CHECK(Logistic::flow(0.0F, 1.0F, 2.7182818F) == Approx(1.0).epsilon(1e-5));
  CHECK(Logistic::flow(0.0F, 0.0F, 2.7182818F) == Approx(-1.0).epsilon(1e-5));
  CHECK(Logistic::flow(0.0F, 1.0F, 1e-6F) == Approx(5e-7).epsilon(1e-4));  // first order: time times sigmoid(0)
}

TEST_CASE("the invariant logistic step solves its equation to 1.5e-4, and a short one to 2e-5", "[learn][reference]") {
  for (double q = -19.0; q <= 19.0; q += 0.25) {
    for (double d = 1e-4; d < 20.0; d *= 1.05) {
      const double time = d + std::exp(q) * std::expm1(d);
      const auto exact = static_cast<float>(time);  // d of the time that a float can say
      const double truth = d + (static_cast<double>(exact) - time) / (1.0 + std::exp(q + d));
      const double most = d < 0.25 ? 2e-5 : 1.5e-4;
      CAPTURE(q, d);
      REQUIRE(Logistic::flow(static_cast<float>(q), 1.0F, exact) == Approx(truth).epsilon(most));
      REQUIRE(Logistic::flow(static_cast<float>(-q), 0.0F, exact) == Approx(-truth).epsilon(most));
    }
  }
}

TEST_CASE("the logistic gradient keeps its digits where the example is nearly sure", "[learn][reference]") {
  for (double m = 0.0; m <= 29.0; m += 0.5) {
    const double small = 1.0 / (1.0 + std::exp(m));
    REQUIRE(Logistic::gradient(static_cast<float>(m), 1.0F) == Approx(-small).epsilon(1e-5));
    REQUIRE(Logistic::gradient(static_cast<float>(-m), 0.0F) == Approx(small).epsilon(1e-5));
  }
}

TEST_CASE("a quantile's two slopes are tau below the label and 1 - tau above it", "[learn][reference]") {
  const Quantile high(0.9F);
  CHECK(high.gradient(1.0F, 2.0F) == -0.9F);
  CHECK(high.gradient(3.0F, 2.0F) == Approx(0.1F));
  CHECK(high.flow(0.0F, 2.0F, 1.0F) == Approx(0.9F));
  CHECK(high.flow(4.0F, 2.0F, 1.0F) == Approx(-0.1F));
  CHECK(high.flow(4.0F, 2.0F, 1e3F) == Approx(-2.0F));
}
