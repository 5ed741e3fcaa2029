// What merging makes of single weights and of what a model has once, against the formulas by hand.

#include <array>
#include <cmath>
#include <cstdint>

#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

/// Two ends by their energies, as far on the way as the sum of both leads.
template <class Reached>
double joined_by_hand(double mine, double my_energy, double theirs, double their_energy, Reached reached) {
  const double end = (mine * my_energy / reached(my_energy) + theirs * their_energy / reached(their_energy)) / (my_energy + their_energy);
  return end * reached(my_energy + their_energy);
}

double by_roots(double rate, double beta, double energy) {
  const double root = std::sqrt(energy);
  return 1.0 - std::exp(-2.0 * 0.7 * rate * (root - (beta > 0.0 ? beta * std::log1p(root / beta) : 0.0)));
}

constexpr double mine = 0.3;
constexpr double my_energy = 20.0;
constexpr double theirs = -0.1;
constexpr double their_energy = 5.0;

float f(double value) { return static_cast<float>(value); }

}  // namespace

TEST_CASE("AdaGrad's weights join by where they were led", "[learn][merge][reference]") {
  std::array<float, 2> cell = {f(mine), f(my_energy)};
  AdaGrad({.rate = 0.2F, .beta = 2.0F}).merge(cell, {f(theirs), f(their_energy)}, 1.0F, {}, {});
  const auto reached = [](double energy) { return by_roots(static_cast<double>(0.2F), 2.0, energy); };
  CHECK(cell[0] == Approx(joined_by_hand(mine, my_energy, theirs, their_energy, reached)).epsilon(1e-5));
  CHECK(cell[1] == Approx(25.0));
}

TEST_CASE("NAG's weights join at its rate by the examples' size", "[learn][merge][reference]") {
  Nag::State state;
  state.count(4.0F, 1.0F);  // t / N = 1/4
  std::array<float, 3> cell = {f(mine), f(my_energy), 2.0F};
  Nag({.rate = 0.4F}).merge(cell, {f(theirs), f(their_energy), 3.0F}, 1.0F, {}, state);
  const auto reached = [](double energy) { return by_roots(static_cast<double>(0.4F) * 0.5 / 3.0, 0.0, energy); };
  CHECK(cell[0] == Approx(joined_by_hand(mine, my_energy, theirs, their_energy, reached)).epsilon(1e-4));
  CHECK(cell[1] == Approx(25.0));
  CHECK(cell[2] == 3.0F);
}

TEST_CASE("FTRL's weights join, and what they are made of says the same", "[learn][merge][reference]") {
  const FtrlProximal ftrl({.alpha = 0.2F, .beta = 1.0F});
  const detail::Penalty penalty{0.5F, 0.25F};
  const auto reached = [](double energy) { return by_roots(static_cast<double>(0.2F), 1.0, energy); };
  std::array<float, 4> cell = {f(mine), 0.0F, f(my_energy), f(std::sqrt(my_energy))};
  ftrl.merge(cell, {f(theirs), 0.0F, f(their_energy), f(std::sqrt(their_energy))}, 2.0F, penalty, {});
  CHECK(cell[0] == Approx(joined_by_hand(mine, my_energy, theirs, their_energy, reached)).epsilon(1e-5));
  CHECK(cell[2] == Approx(25.0));
  CHECK(cell[3] == Approx(5.0));
  // McMahan et al. 2013, algorithm 1: w = -(z - sign(z) l1) / ((beta + sqrt(n)) / alpha + l2), l1 in the label's unit.
  CHECK(cell[0] == Approx(-(static_cast<double>(cell[1]) + 1.0) / (6.0 / static_cast<double>(0.2F) + 0.25)).epsilon(1e-5));

  std::array<float, 4> small = {0.0F, 0.2F, 1.0F, 1.0F};  // both within l1: so stays their sum, as far as it leads
  ftrl.merge(small, {0.0F, 0.1F, 1.0F, 1.0F}, 2.0F, penalty, {});
  CHECK(small[0] == 0.0F);
  CHECK(small[1] == Approx(joined_by_hand(0.2, 1.0, 0.1, 1.0, reached)).epsilon(1e-4));
}

TEST_CASE("MultiRate's lanes join each by its own rates", "[learn][merge][reference]") {
  const MultiRate optimizer({.prior = 0.15F, .bold = 0.3F});
  std::array<float, 4> cell = {f(mine), f(mine), f(mine), f(my_energy)};
  optimizer.merge(cell, {f(theirs), f(theirs), f(theirs), f(their_energy)}, 1.0F, {}, {});
  const auto by = [](auto reached) { return joined_by_hand(mine, my_energy, theirs, their_energy, reached); };
  CHECK(cell[0] == Approx(by([](double e) { return e / (1.0 / 0.15 / 0.7 + e); })).epsilon(1e-4));
  CHECK(cell[1] == Approx(by([](double e) { return by_roots(static_cast<double>(0.3F), 1.0, e); })).epsilon(1e-4));
  CHECK(cell[2] == Approx(by([](double) { return 1.0; })).epsilon(1e-5));
  CHECK(cell[3] == Approx(25.0));
}

TEST_CASE("What a model has once is joined by what each learned", "[learn][merge][reference]") {
  const MultiRate optimizer;
  const auto learned = [&](int n, float y, float square) {
    MultiRate::State state;
    state.start(y);
    for (int i = 0; i < n; ++i) {
      state.count(square);
      state.learn(Squared{}, {.margins = {0.0F, 1.0F, 2.0F, 0.5F}, .margin = 1.0F, .gradient = 2.0F, .y = -1.0F}, optimizer);
    }
    return state;
  };
  const auto energy_of = [](int n) { return 2.25 * (1.0 - std::pow(0.999, n)) / 0.001; };  // of the base: (0.5 + 1)^2 each, faded
  MultiRate::State a = learned(40, 3.0F, 10.0F);
  const MultiRate::State b = learned(10, -2.0F, 30.0F);
  const double dispersion = static_cast<double>(a.dispersion());
  const double base = joined_by_hand(static_cast<double>(a.base()), energy_of(40), static_cast<double>(b.base()), energy_of(10),
                                     [](double) { return 1.0; });
  a.merge(b);
  CHECK(a.base() == Approx(base).epsilon(1e-4));
  // Means by counts; a dispersion began with ten of mean square 1.
  CHECK(a.dispersion() == Approx((50.0 * dispersion + 20.0 * static_cast<double>(b.dispersion())) / 70.0).epsilon(1e-5));
  CHECK(a.size().prior({.prior = 1.0F, .reach = 1.0F}) == Approx(1.0 / ((40.0 * 10.0 + 10.0 * 30.0) / 50.0)).epsilon(1e-5));
  CHECK(a.shares()[0] > 0.9F);  // both saw the first to be best
}

TEST_CASE("Sizes of examples add up", "[learn][merge][reference]") {
  detail::RelativeSizes a;
  detail::RelativeSizes b;
  a.count(6.0F, 1.0F);
  b.count(1.0F, 2.0F);
  a.merge(b);
  CHECK(a.ratio() == Approx(3.0 / 8.0));
}

TEST_CASE("Merged models know the scales and the refusals of both", "[learn][merge]") {
  const auto model = [](std::uint32_t id, float unit) {
    LogisticRegression learned({.bits = 8});
    learned.bind(Schema({{.name = "ids", .kind = Column::Kind::hashed}}));
    Rng rng(5);
    for (int i = 0; i < 2000; ++i) {
      const SparseFeature feature{id, unit * static_cast<float>(rng.normal())};
      learned.learn({{}, {&feature, 1}}, feature.value > 0.0F ? 1.0F : 0.0F);
    }
    learned.learn({}, 0.5F);
    return learned;
  };
  LogisticRegression both = model(9, 1.0F);
  both.merge(model(7, 1000.0F));
  const SparseFeature large{7, 500.0F};
  CHECK(both.predict({{}, {&large, 1}}) > 0.7F);  // by a scale of 1 it would be cut to 7
  CHECK(both.refused() == 2);
}
