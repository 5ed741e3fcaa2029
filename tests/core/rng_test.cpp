#include "rtml/core/rng.hpp"

#include <array>
#include <cmath>
#include <cstdint>

#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;

// Reference values: xoshiro256++ and splitmix64 as their authors publish them (prng.di.unimi.it), run apart from this library.

TEST_CASE("a seed gives the numbers of xoshiro256++", "[core][golden]") {
  Rng zero;
  CHECK(zero() == 0x53175d61490b23dfULL);
  CHECK(zero() == 0x61da6f3dc380d507ULL);
  CHECK(zero() == 0x5c0fdf91ec9a7bfcULL);
  CHECK(zero() == 0x02eebf8c3bbe5e1aULL);
  Rng other(42);
  CHECK(other() == 0xd0764d4f4476689fULL);
  CHECK(other() == 0x519e4174576f3791ULL);
  Rng seven(7);
  CHECK(seven.uniform() == 0.05536043647833311);
  CHECK(seven.uniform() == 0.17211585444811772);
  Rng forty_two(42);
  CHECK(forty_two.normal() == Approx(0.9813983900724986).epsilon(1e-14));
  CHECK(forty_two.normal() == Approx(-0.565720104673956).epsilon(1e-14));
  Rng one(1);
  const std::array<std::uint64_t, 12> below_ten = {8, 7, 1, 7, 1, 5, 9, 5, 0, 1, 9, 3};
  for (const std::uint64_t expected : below_ten) CHECK(one.below(10) == expected);
}

TEST_CASE("below(n) gives every value as often, up to chance", "[core][property]") {
  // 99.99 % quantiles of chi-square with n - 1 degrees of freedom.
  struct Case {
    std::uint64_t n;
    double bound;
  };
  const auto seed = GENERATE(range(1U, 6U));
  for (const auto& [n, bound] : {Case{2, 15.1}, Case{3, 18.4}, Case{10, 33.7}, Case{64, 117.5}}) {
    Rng rng(seed);
    std::array<double, 64> counts{};
    const double draws = 64000;
    bool below = true;
    for (int i = 0; i < static_cast<int>(draws); ++i) {
      const std::uint64_t value = rng.below(n);
      below = below && value < n;
      counts[value % 64] += 1.0;
    }
    CHECK(below);
    double chi = 0.0;
    const double expected = draws / static_cast<double>(n);
    for (std::uint64_t k = 0; k < n; ++k) chi += (counts[k] - expected) * (counts[k] - expected) / expected;
    CAPTURE(seed, n);
    CHECK(chi < bound);
  }
}

TEST_CASE("below(n) has no bias where n is not far below 2^64", "[core][property]") {
  // A product without rejection would give values below 2^62 twice as often as the others: P = 1/2 in place of 1/3.
  Rng rng(9);
  const std::uint64_t n = 3 * (std::uint64_t{1} << 62U);
  int low = 0;
  for (int i = 0; i < 30000; ++i) low += rng.below(n) % 3 == 0 ? 1 : 0;
  CHECK(low > 9600);
  CHECK(low < 10400);
  CHECK(rng.below(1) == 0);
}

TEST_CASE("uniform lies in [0, 1) with the mean and variance of its law", "[core][property]") {
  Rng rng(2);
  double sum = 0.0;
  double squares = 0.0;
  const int n = 100000;
  bool within = true;
  for (int i = 0; i < n; ++i) {
    const double value = rng.uniform();
    within = within && value >= 0.0 && value < 1.0;
    sum += value;
    squares += value * value;
  }
  CHECK(within);
  CHECK(sum / n == Approx(0.5).margin(0.005));
  CHECK(squares / n == Approx(1.0 / 3.0).margin(0.005));
}

TEST_CASE("normal has the moments and the tails of the standard normal", "[core][property]") {
  Rng rng(3);
  std::array<double, 5> moments{};
  const int n = 200000;
  int beyond_two = 0;
  for (int i = 0; i < n; ++i) {
    const double value = rng.normal();
    double power = 1.0;
    for (double& moment : moments) {
      moment += power / n;
      power *= value;
    }
    beyond_two += std::abs(value) > 2.0 ? 1 : 0;
  }
  CHECK(moments[1] == Approx(0.0).margin(0.01));
  CHECK(moments[2] == Approx(1.0).margin(0.015));
  CHECK(moments[3] == Approx(0.0).margin(0.04));
  CHECK(moments[4] == Approx(3.0).margin(0.1));
  CHECK(beyond_two / static_cast<double>(n) == Approx(0.0455).margin(0.002));
}

TEST_CASE("a generator that was saved goes on where it was, a spare normal included", "[core][archive]") {
  Rng rng(4);
  rng.normal();
  Rng restored;
  load(restored, save(rng));
  CHECK(restored == rng);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(restored.normal() == rng.normal());
    REQUIRE(restored() == rng());
  }
  testing::check_archive(rng, Rng(), [](Rng& read) {
    for (int i = 0; i < 20; ++i) static_cast<void>(read.normal());
  });
}

TEST_CASE("an archive whose generator would stand still, or whose spare is no number, is refused", "[core][archive][hostile]") {
  Rng rng(5);
  auto bytes = save(rng);
  for (std::size_t i = 15; i < 47; ++i) bytes[i] = std::byte{0};  // behind the tag (8 + 3) and the version (4)
  CHECK_THROWS_WITH(load(rng, bytes), "archive: Rng holds a value out of range: state (at byte " + to_text(bytes.size()) + ")");
  bytes = save(rng);
  bytes[53] = std::byte{0xf0};
  bytes[54] = std::byte{0x7f};
  CHECK_THROWS_WITH(load(rng, bytes), "archive: Rng holds a value out of range: spare (at byte " + to_text(bytes.size()) + ")");
}

TEST_CASE("seeds that differ by little give streams that have nothing in common", "[core][property]") {
  Rng a(100);
  Rng b(101);
  int equal_bits = 0;
  for (int i = 0; i < 1000; ++i) equal_bits += 64 - std::popcount(a() ^ b());
  CHECK(equal_bits > 31500);
  CHECK(equal_bits < 32500);
  CHECK(Rng::min() == 0);
  CHECK(Rng::max() == ~std::uint64_t{0});
}
