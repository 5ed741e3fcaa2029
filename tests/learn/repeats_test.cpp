#include "rtml/learn/detail/repeats.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

struct MayRepeat {
  std::string name;
  bool (*in)(const SparseFeature*, std::size_t, std::uint32_t) noexcept;
};

std::vector<MayRepeat> versions_of_may_repeat() {
  return {{"16 bytes",
           [](const SparseFeature* x, std::size_t n, std::uint32_t mask) noexcept { return detail::plain::may_repeat<16>(x, n, mask); }},
          {"32 bytes",
           [](const SparseFeature* x, std::size_t n, std::uint32_t mask) noexcept { return detail::plain::may_repeat<32>(x, n, mask); }},
          {"picked", [](const SparseFeature* x, std::size_t n, std::uint32_t mask) noexcept { return detail::may_repeat(x, n, mask); }}};
}

std::vector<SparseFeature> distinct_features(Rng& rng, std::size_t n, std::uint32_t mask) {
  std::set<std::uint32_t> taken;
  std::vector<SparseFeature> features;
  while (features.size() < n) {
    const auto index = static_cast<std::uint32_t>(rng());
    if (taken.insert(index & mask).second) features.push_back({index, 1.0F});
  }
  return features;
}

}  // namespace

TEST_CASE("a repeat is found wherever it is", "[learn][property]") {
  constexpr std::uint32_t mask = (1U << 22U) - 1;
  Rng rng(1);
  for (const MayRepeat& version : versions_of_may_repeat()) {
    std::size_t missed = 0;
    for (std::size_t n = 2; n <= detail::most_compared; ++n) {
      auto features = distinct_features(rng, n, mask);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          const std::uint32_t index = features[i].index;
          features[i].index = features[j].index ^ (1U << 22U);  // the same under the mask only
          missed += version.in(features.data(), n, mask) ? 0U : 1U;
          features[i].index = index;
        }
      }
    }
    INFO(version.name);
    CHECK(missed == 0);
  }
}

TEST_CASE("distinct features hardly ever seem to repeat", "[learn]") {
  Rng rng(2);
  for (const MayRepeat& version : versions_of_may_repeat()) {
    CHECK_FALSE(version.in(nullptr, 0, 1));
    std::size_t seemed = 0;
    for (std::size_t round = 0; round < 1000; ++round) {
      const auto features = distinct_features(rng, 1 + round % 32, (1U << 18U) - 1);
      seemed += version.in(features.data(), features.size(), (1U << 18U) - 1) ? 1U : 0U;
    }
    INFO(version.name);
    CHECK(seemed <= 20);  // 2.7 are expected: 165 pairs an example, of which one in 65536 meet
  }
}
