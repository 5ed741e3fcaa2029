#include "rtml/ab/router.hpp"

#include <array>
#include <cmath>
#include <iostream>

#include "rtml/core/concepts.hpp"
#include "support/catch.hpp"

using rtml::ab::Arm;
using rtml::ab::Router;

static_assert(rtml::Checkpointable<Router> && rtml::Sized<Router>);

namespace {

std::vector<std::size_t> arms_of_units(const Router& router, std::uint64_t units = 20'000) {
  std::vector<std::size_t> arms;
  for (std::uint64_t unit = 0; unit < units; ++unit) arms.push_back(router.route(unit));
  return arms;
}

double share_that_differs(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::size_t moved = 0;
  for (std::size_t i = 0; i < a.size(); ++i) moved += a[i] != b[i] ? 1U : 0U;
  return static_cast<double>(moved) / static_cast<double>(a.size());
}

}  // namespace

// Made by a second implementation of splitmix64 and XXH64, in Python.
TEST_CASE("a router's buckets are the same in every version", "[ab][golden]") {
  const Router router({{"a", 1.0}, {"b", 1.0}, {"c", 1.0}, {"d", 1.0}, {"e", 1.0}, {"f", 1.0}, {"g", 1.0}, {"h", 1.0}}, "checkout");
  std::string integers;
  for (const std::uint64_t unit : {0ULL, 1ULL, 2ULL, 3ULL, 42ULL, 1'000'003ULL, 0xffffffffffffffffULL})
    integers += router.arms()[router.route(unit)].name;
  std::string texts;
  for (const char* unit : {"", "7", "user-1", "user-2", "us\xc3\xa9r", "4f9b6c1e-8a60-4f63-9d0c-7f7a2f0f3b11"})
    texts += router.arms()[router.route(unit)].name;
  CHECK(integers == "dgbedfc");
  CHECK(texts == "acdgde");
}

TEST_CASE("a router gives each arm its share of the units, on every salt", "[ab][property]") {
  const auto seed = GENERATE(range(1, 11));
  const Router router({{"control", 9.0}, {"off", 0.0}, {"new", 1.0}}, "salt " + std::to_string(seed));
  std::array<std::array<double, 3>, 2> counts{};
  for (std::uint64_t unit = 0; unit < 50'000; ++unit) {
    ++counts[0][router.route(unit)];
    ++counts[1][router.route("user-" + std::to_string(unit))];
  }
  for (const auto& count : counts) {
    CAPTURE(seed, count[2]);
    CHECK(count[1] == 0.0);
    CHECK(std::abs(count[2] / 50'000.0 - 0.1) < 4.0 * std::sqrt(0.09 / 50'000.0));
  }
}

TEST_CASE("routing under two salts is independent", "[ab][property]") {
  const Router first({{"a", 1.0}, {"b", 1.0}}, "first");
  const Router second({{"a", 1.0}, {"b", 1.0}}, "second");
  const auto a = arms_of_units(first);
  const auto b = arms_of_units(second);
  CHECK(std::abs(share_that_differs(a, b) - 0.5) < 4.0 * 0.5 / std::sqrt(20'000.0));
  CHECK(share_that_differs(a, arms_of_units(first)) == 0.0);
}

TEST_CASE("ramping an arm up moves only the units that it gains, and back down returns the same", "[ab][metamorphic]") {
  Router router({{"control", 0.9}, {"new", 0.1}}, "ramp");
  const auto before = arms_of_units(router);
  CHECK(router.reweight(std::array{0.5, 0.5}) == Approx(0.4).epsilon(1e-6));
  const auto after = arms_of_units(router);
  CHECK(std::abs(share_that_differs(before, after) - 0.4) < 0.02);
  bool only_gains = true;
  for (std::size_t i = 0; i < before.size(); ++i) only_gains = only_gains && (before[i] == 0 || after[i] == 1);
  CHECK(only_gains);
  CHECK(router.reweight(std::array{0.9, 0.1}) == Approx(0.4).epsilon(1e-6));
  CHECK(arms_of_units(router) == before);
  CHECK(router.reweight(std::array{9.0, 1.0}) == 0.0);
}

TEST_CASE("new weights over several arms move the least that they can, and give each its share", "[ab][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  std::array<double, 4> now{0.25, 0.25, 0.25, 0.25};
  Router router({{"a", now[0]}, {"b", now[1]}, {"c", now[2]}, {"d", now[3]}});
  for (std::uint64_t step = 0; step < 6; ++step) {
    std::array<double, 4> next{};
    double sum = 0.0;
    for (std::size_t arm = 0; arm < 4; ++arm) sum += next[arm] = static_cast<double>(rtml::hash_integer(seed * 100 + step * 10 + arm) % 8);
    if (sum == 0.0) continue;
    double least = 0.0;
    for (std::size_t arm = 0; arm < 4; ++arm) least += std::max(0.0, next[arm] / sum - now[arm]);
    CAPTURE(seed, step);
    const auto before = arms_of_units(router);
    CHECK(router.reweight(next) == Approx(least).margin(1e-6));
    const auto after = arms_of_units(router);
    CHECK(std::abs(share_that_differs(before, after) - least) < 0.02);
    for (std::size_t arm = 0; arm < 4; ++arm) {
      now[arm] = next[arm] / sum;
      CHECK(std::abs(static_cast<double>(std::count(after.begin(), after.end(), arm)) / 20'000.0 - now[arm]) < 0.02);
    }
  }
}

TEST_CASE("a router saved and loaded routes every unit as before, after ramps too", "[ab][archive]") {
  Router router({{"a", 0.5}, {"b", 0.3}, {"c", 0.2}}, "salt");
  router.reweight(std::array{0.1, 0.5, 0.4});
  Router restored({{"x", 1.0}});
  rtml::load(restored, rtml::save(router));
  CHECK(restored == router);
  CHECK(arms_of_units(restored) == arms_of_units(router));
}

TEST_CASE("a damaged archive of a router is refused or routes to an arm that exists", "[ab][archive][bad input]") {
  Router router({{"a", 0.5}, {"b", 0.3}, {"c", 0.2}}, "salt");
  router.reweight(std::array{0.1, 0.5, 0.4});
  const auto bytes = rtml::save(router);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Router restored({{"x", 1.0}});
    CHECK_THROWS_AS(rtml::load(restored, std::span(bytes).first(i)), rtml::FormatError);
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = bytes;
      flipped[i] ^= static_cast<std::byte>(1 << bit);
      try {
        rtml::load(restored, flipped);
        bool routed = true;
        for (std::uint64_t unit = 0; unit < 50; ++unit) routed = routed && restored.route(unit) < restored.arms().size();
        CHECK(routed);
      } catch (const rtml::FormatError&) {
      }
    }
  }
}

TEST_CASE("a router refuses ranges that leave places to nobody", "[ab][archive][bad input]") {
  const auto archive_ending_at = [](std::uint64_t end) {
    rtml::Writer writer;
    writer.header("Router", 1);
    writer(std::vector<Arm>{{"a", 1.0}, {"b", 1.0}}, std::uint64_t{7});
    writer(std::uint64_t{2}, std::uint64_t{100}, std::uint32_t{0}, end, std::uint32_t{1});
    return writer.take();
  };
  Router router({{"x", 1.0}});
  CHECK_NOTHROW(rtml::load(router, archive_ending_at(Router::places)));
  CHECK_THROWS_AS(rtml::load(router, archive_ending_at(Router::places - 1)), rtml::FormatError);
  CHECK_THROWS_AS(rtml::load(router, archive_ending_at(100)), rtml::FormatError);
}

TEST_CASE("a router names what is wrong with its arms", "[ab][config]") {
  CHECK_THROWS_WITH(Router(std::vector<Arm>{}), "Router: arms is 0, must be in [1, 1024]");
  CHECK_THROWS_WITH(Router({{"a", -1.0}, {"b", 1.0}}), "Router: weight is -1, must be >= 0");
  CHECK_THROWS_WITH(Router({{"a", 0.0}, {"b", 0.0}}), "Router: weights is \"all 0\", must be of a sum above 0");
  CHECK_THROWS_WITH(Router({{"a", 1.0}, {"a", 1.0}}), "Router: arm is \"a\", must be named once");
  CHECK_THROWS_AS(Router({{"a", std::nan("")}}), rtml::ConfigError);
  Router router({{"a", 1.0}, {"b", 1.0}});
  CHECK_THROWS_WITH(router.reweight(std::array{1.0}), "Router: weights is 1, must be one for each arm");
  CHECK_THROWS_AS(router.reweight(std::array{0.0, 0.0}), rtml::ConfigError);
  CHECK(router.find("b") == 1);
  CHECK(router.find("c") == 2);
}
