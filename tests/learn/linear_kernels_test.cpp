// Compiled without contraction, as src/learn/linear_kernels.cpp is, and so that loops vectorise. Never part of a unity build.
#include "rtml/learn/detail/linear_kernels.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "learn/linear_blocks.hpp"
#include "rtml/learn/optimizers.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace rtml::testing;

namespace {

std::vector<std::uint32_t> linear_bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> all;
  for (const float value : values) all.push_back(std::bit_cast<std::uint32_t>(value));
  return all;
}

template <class Optimizer>
struct LinearVersion {
  std::string name;
  void (*accumulate)(const Optimizer&, const detail::WeightBlock<Optimizer>&, float, float) noexcept;
  void (*apply)(const Optimizer&, const detail::WeightBlock<Optimizer>&, const typename Optimizer::Plan&) noexcept;
  void (*scale_columns)(std::size_t, const float*, const detail::ScaledColumns&) noexcept;
};

template <template <class> class Kernels, class Optimizer>
LinearVersion<Optimizer> version(std::string name) {
  return {std::move(name), &Kernels<Optimizer>::accumulate, &Kernels<Optimizer>::apply, &Kernels<Optimizer>::scale_columns};
}

/// The plain form first.
template <class Optimizer>
std::vector<LinearVersion<Optimizer>> versions_of_this_machine() {
  using Picked = detail::LinearKernels<Optimizer>;
  std::vector<LinearVersion<Optimizer>> all = {version<PlainLinearKernels, Optimizer>("plain"),
                                               {"picked", &Picked::accumulate, &Picked::apply, &detail::scale_columns}};
#if defined(RTML_LINEAR_KERNELS_VERSIONS)
  if (has_avx2()) all.push_back(version<Avx2LinearKernels, Optimizer>("AVX2"));
  if (has_avx512()) all.push_back(version<Avx512LinearKernels, Optimizer>("AVX-512"));
#endif
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("the kernels of an optimizer give the same bits on every processor", "[learn][property]", MultiRate, Sgd, AdaGrad,
                   FtrlProximal, Nag, Adam, CoinBetting, PassiveAggressive) {
  const auto versions = versions_of_this_machine<TestType>();
  const TestType optimizer;
  for (const bool scaled : {false, true}) {
    if (scaled && TestType::scales_itself) continue;
    for (std::size_t n = 1; n <= 67; ++n) {
      Rng rng(n);
      std::vector<OwnBlock<TestType>> blocks(versions.size(), OwnBlock<TestType>(rng, n, scaled));
      BlockExample<TestType> example;
      for (int round = 0; round < 6; ++round) {
        example.next(rng);
        for (std::size_t v = 0; v < versions.size(); ++v)
          versions[v].accumulate(optimizer, blocks[v].block(), example.energy(), example.example.dispersion);
        const auto plan = example.plan(optimizer, n);
        const Rng before = rng;
        for (std::size_t v = 0; v < versions.size(); ++v) {
          versions[v].apply(optimizer, blocks[v].block(), plan);
          CAPTURE(versions[v].name, n, scaled, round);
          REQUIRE(linear_bits(blocks[v].written()) == linear_bits(blocks[0].written()));
        }
        for (std::size_t i = 0; i < n; ++i) REQUIRE(TestType::sound(blocks[0].cell(i)));
        for (auto& block : blocks) {
          rng = before;
          block.next(rng);
        }
      }
    }
  }
}

TEST_CASE("columns are scaled to the same bits on every processor", "[learn][property]") {
  struct Columns {
    std::vector<float> scale, count, value, before, inverse;
    explicit Columns(std::size_t n) : scale(n), count(n), value(n), before(n), inverse(n) {}
    detail::ScaledColumns all() { return {scale.data(), count.data(), value.data(), before.data(), inverse.data()}; }
    std::vector<float> written() const {
      std::vector<float> written;
      for (const auto* column : {&scale, &count, &value, &before, &inverse}) written.insert(written.end(), column->begin(), column->end());
      return written;
    }
  };
  const auto versions = versions_of_this_machine<Sgd>();
  for (std::size_t n = 1; n <= 67; ++n) {
    Rng rng(n);
    std::vector<Columns> columns(versions.size(), Columns(n));
    for (int round = 0; round < 20; ++round) {
      std::vector<float> x(n);
      for (float& value : x) value = rng.uniform() < 0.1 ? std::numeric_limits<float>::quiet_NaN() : wild_value(rng);
      for (std::size_t v = 0; v < versions.size(); ++v) {
        versions[v].scale_columns(n, x.data(), columns[v].all());
        CAPTURE(versions[v].name, n, round);
        REQUIRE(linear_bits(columns[v].written()) == linear_bits(columns[0].written()));
      }
    }
  }
}
