#include "rtml/learn/detail/mixture.hpp"

#include <array>
#include <cmath>

#include "support/catch.hpp"

using namespace rtml;
using Two = detail::Mixture<2>;

TEST_CASE("Shares follow exponentiated gradient, by hand", "[learn][reference]") {
  Two mixture;
  CHECK(mixture.mix({1.0F, 3.0F}) == Approx(2.0));
  mixture.learn({1.0F, -1.0F}, 1.0F, 0.5F);  // energy 1: logits -+0.5 / sqrt(2)
  CHECK(mixture.shares()[1] == Approx(1.0 / (1.0 + std::exp(-1.0 / std::sqrt(2.0)))).epsilon(1e-5));
  mixture.learn({2.0F, 0.0F}, 3.0F, 0.5F);  // 1 + 9 * share * 4
  const double first = 1.0 / (1.0 + std::exp(1.0 / std::sqrt(2.0)));
  const double apart = 1.0 / std::sqrt(2.0) + 0.5 * 3.0 * 2.0 / std::sqrt(2.0 + 36.0 * first);
  CHECK(mixture.shares()[1] == Approx(1.0 / (1.0 + std::exp(-apart))).epsilon(1e-5));
}

TEST_CASE("No example moves a mixture further than one of weight 100, and no expert is lost", "[learn][hostile]") {
  Two heavy;
  Two hundred;
  heavy.learn({0.01F, -0.01F}, 1e9F, 1.0F);
  hundred.learn({0.01F, -0.01F}, 100.0F, 1.0F);
  CHECK(heavy.shares()[0] == hundred.shares()[0]);
  for (int i = 0; i < 10'000; ++i) heavy.learn({10.0F, -10.0F}, 100.0F, 1.0F);
  CHECK(heavy.shares()[0] == Approx(std::exp(-8.0) / (1.0 + std::exp(-8.0))).epsilon(1e-4));
}

TEST_CASE("Mixtures merge by what each learned from", "[learn][merge][reference]") {
  Two a;
  Two b;
  a.learn({1.0F, -1.0F}, 1.0F, 1.0F);
  for (int i = 0; i < 3; ++i) b.learn({0.5F, -0.5F}, 2.0F, 1.0F);  // energies 1 and 3, as no share matters
  const auto apart = [](const Two& mixture) { return std::log(static_cast<double>(mixture.shares()[1] / mixture.shares()[0])); };
  const double merged = 0.25 * apart(a) + 0.75 * apart(b);
  a.merge(b);
  CHECK(apart(a) == Approx(merged).epsilon(1e-4));
}
