// Compiled with -ffast-math and vectorised: in a host built so, weights stay sound too. Never part of a unity build.
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.hpp"

// All of rtml under another name and as headers alone, else the linker would take the inline functions of other files for these.
#undef RTML_COMPILED
#define rtml rtml_of_fast_learner
#include "learn/linear_blocks.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/learn/linear.hpp"
#include "support/streams.hpp"

using namespace rtml;
using namespace rtml::testing;

namespace {

/// How many cells are unsound after examples of every magnitude.
template <template <class> class Kernels, class Optimizer>
std::size_t unsound_cells() {
  std::size_t unsound = 0;
  const Optimizer optimizer;
  for (const bool scaled : {false, true}) {
    if (scaled && Optimizer::scales_itself) continue;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      Rng rng(seed);
      constexpr std::size_t n = 256;
      OwnBlock<Optimizer> weights(rng, n, scaled);
      BlockExample<Optimizer> example;
      for (int round = 0; round < 20; ++round) {
        example.next(rng);
        Kernels<Optimizer>::accumulate(optimizer, weights.block(), example.energy(), 1.0F);
        Kernels<Optimizer>::apply(optimizer, weights.block(), example.plan(optimizer, n));
        weights.next(rng);
        for (std::size_t i = 0; i < n; ++i) unsound += Optimizer::sound(weights.cell(i)) ? 0U : 1U;
      }
    }
  }
  return unsound;
}

}  // namespace

TEMPLATE_TEST_CASE("a host built with -ffast-math keeps every weight sound", "[learn][fast-math]", MultiRate, Sgd, AdaGrad, FtrlProximal,
                   Nag, Adam, CoinBetting, PassiveAggressive) {
#if !defined(__FAST_MATH__)
  WARN("built without -ffast-math: this shows nothing");
#endif
  CHECK(unsound_cells<PlainLinearKernels, TestType>() == 0);
#if defined(RTML_LINEAR_KERNELS_VERSIONS)
  if (has_avx2()) CHECK(unsound_cells<Avx2LinearKernels, TestType>() == 0);
  if (has_avx512()) CHECK(unsound_cells<Avx512LinearKernels, TestType>() == 0);
#endif
}

TEMPLATE_TEST_CASE("a host built with -ffast-math loads what it saved", "[learn][fast-math]", MultiRate, Sgd, AdaGrad, FtrlProximal, Nag,
                   Adam, CoinBetting, PassiveAggressive) {
  Linear<Hinge, TestType> model({.bits = 6});
  const Schema schema({{.name = "x0"},
                       {.name = "x1"},
                       {.name = "code", .kind = Column::Kind::nominal, .categories = 4},
                       {.name = "words", .kind = Column::Kind::hashed}});
  model.bind(schema);
  for (const OwnedExample& example : labelled_examples({.dense = 3, .nominal = 1, .sparse = 3}, 1, 200))
    model.learn(example.x, example.y, example.weight);
  Linear<Hinge, TestType> restored({.bits = 6});
  REQUIRE_NOTHROW(load(restored, save(model)));
  for (const OwnedExample& example : labelled_examples({.dense = 3, .nominal = 1, .sparse = 3}, 2, 200))
    REQUIRE(restored.learn(example.x, example.y, example.weight) == model.learn(example.x, example.y, example.weight));
}

TEMPLATE_TEST_CASE("in a host built with -ffast-math learn returns what predict would, to the bit", "[learn][fast-math]", MultiRate, Sgd,
                   AdaGrad, FtrlProximal, Nag, Adam, CoinBetting, PassiveAggressive) {
  for (const float l2 : {0.0F, 0.01F}) {
    if (l2 > 0.0F && std::same_as<TestType, CoinBetting>) continue;
    Linear<Hinge, TestType> model({.bits = 12, .l2 = l2});
    model.bind(Schema({{.name = "x"}, {.name = "words", .kind = Column::Kind::hashed}}));
    Rng rng(1);
    std::size_t others = 0;
    for (std::size_t row = 0; row < 2000; ++row) {
      const std::array<float, 1> dense{static_cast<float>(rng.normal())};
      std::vector<SparseFeature> words(row % 23);
      for (SparseFeature& word : words)
        word = {static_cast<std::uint32_t>(rng.below(3000)), row < 1000 ? 1.0F : static_cast<float>(rng.normal())};
      const Features x{dense, words};
      const float before = model.predict(x);
      others +=
          std::bit_cast<std::uint32_t>(model.learn(x, rng.below(2) == 0 ? 0.0F : 1.0F)) == std::bit_cast<std::uint32_t>(before) ? 0U : 1U;
    }
    CAPTURE(l2);
    CHECK(others == 0);
  }
}

TEMPLATE_TEST_CASE("a host built with -ffast-math knows an unsound weight", "[learn][fast-math]", MultiRate, Sgd, AdaGrad, FtrlProximal,
                   Nag, Adam, CoinBetting, PassiveAggressive) {
  for (std::size_t k = 0; k < TestType::fields; ++k) {
    for (const std::uint32_t bits : {0x7fc00000U, 0xffc00000U, 0x7f800000U, 0xff800000U, 0x7f000000U}) {
      volatile std::uint32_t hidden = bits;
      std::array<float, TestType::fields> cell{};
      cell[k] = std::bit_cast<float>(static_cast<std::uint32_t>(hidden));
      CAPTURE(k, bits);
      CHECK_FALSE(TestType::sound(cell));
    }
  }
}
