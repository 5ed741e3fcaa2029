// Blocks of weights for the kernels of linear learners, and those kernels in their plain form, compiled for each kind of processor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/losses.hpp"
#include "rtml/learn/optimizers.hpp"

namespace rtml::testing {

/// A value of any magnitude that is let in, 0 and denormals too.
inline float wild_value(Rng& rng) {
  constexpr std::array<float, 10> scales = {0.0F, 1e-42F, 1e-36F, 1e-20F, 1e-6F, 1.0F, 1.0F, 1.0F, 1e6F, 1e15F};
  return scales[rng.below(scales.size())] * static_cast<float>(2.0 * rng.uniform() - 1.0);
}

/// The weights that an example meets, with arrays of their own.
template <class Optimizer>
class OwnBlock {
 public:
  /// Of `n` fresh weights, whose columns had the scales `before` and have others now, or none.
  OwnBlock(Rng& rng, std::size_t n, bool scaled) : z_(n), relative_(n), before_(n), inverse_(n), scaled_(scaled) {
    for (auto& field : fields_) field.resize(n);
    for (auto& pull : pulls_) pull.resize(n);
    next(rng);
  }

  /// Another example.
  void next(Rng& rng) {
    for (std::size_t i = 0; i < z_.size(); ++i) {
      z_[i] = wild_value(rng);
      if (scaled_) z_[i] = detail::cut(z_[i], detail::largest_scaled);
      before_[i] = inverse_[i] > 0.0F ? 1.0F / inverse_[i] : 0.0F;
      inverse_[i] = static_cast<float>(0.5 + rng.uniform());
    }
  }

  detail::WeightBlock<Optimizer> block() {
    detail::WeightBlock<Optimizer> block;
    block.n = z_.size();
    for (std::size_t k = 0; k < Optimizer::fields; ++k) block.fields[k] = fields_[k].data();
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) block.pulls[r] = pulls_[r].data();
    block.z = z_.data();
    if (Optimizer::scales_itself) block.relative = relative_.data();
    if (scaled_) {
      block.before = before_.data();
      block.inverse = inverse_.data();
    }
    block.penalised = z_.size() - 1;
    return block;
  }

  std::array<float, Optimizer::fields> cell(std::size_t i) const {
    std::array<float, Optimizer::fields> cell{};
    for (std::size_t k = 0; k < Optimizer::fields; ++k) cell[k] = fields_[k][i];
    return cell;
  }

  /// Every float that kernels write.
  std::vector<float> written() const {
    std::vector<float> all = relative_;
    for (const auto& field : fields_) all.insert(all.end(), field.begin(), field.end());
    for (const auto& pull : pulls_) all.insert(all.end(), pull.begin(), pull.end());
    return all;
  }

 private:
  std::array<std::vector<float>, Optimizer::fields> fields_;
  std::array<std::vector<float>, Optimizer::rate_count> pulls_;
  std::vector<float> z_;
  std::vector<float> relative_;
  std::vector<float> before_;
  std::vector<float> inverse_;
  bool scaled_;
};

/// The example of a block, and what its optimizer makes of it. Hinge suits them all.
template <class Optimizer>
struct BlockExample {
  detail::LinearExample<Optimizer::State::experts> example;
  typename Optimizer::State state;

  void next(Rng& rng) {
    for (float& margin : example.margins) margin = static_cast<float>(rng.normal());
    example.y = rng.uniform() < 0.5 ? 0.0F : 1.0F;
    example.weight = rng.uniform() < 0.2 ? detail::magnitude(wild_value(rng)) : 1.0F;
    example.unit = rng.uniform() < 0.2 ? 1e3F : 1.0F;
    example.margin = state.mix(example.margins);
    example.gradient = Hinge::gradient(example.margin, example.y) * static_cast<float>(rng.uniform());
  }
  float energy() const { return detail::smaller(example.weight * example.gradient * example.gradient, detail::largest_energy); }
  typename Optimizer::Plan plan(const Optimizer& optimizer, std::size_t n) {
    detail::Sensitivity<Optimizer::rate_count> s;
    for (float& rate : s.adaptive) rate = 0.7F * static_cast<float>(n);
    s.plain = static_cast<float>(n);
    return optimizer.plan(Hinge{}, example, s, {0.1F, 0.2F}, state);
  }
};

/// The plain forms in functions for one kind of processor.
#define RTML_LINEAR_KERNELS_FOR(type, target)                                                                              \
  template <class Optimizer>                                                                                               \
  struct type {                                                                                                            \
    using Block = rtml::detail::WeightBlock<Optimizer>;                                                                    \
    target static void accumulate(const Optimizer& by, const Block& block, float energy, float dispersion) noexcept {      \
      if (block.before != nullptr) {                                                                                       \
        rtml::detail::plain::accumulate<true>(by, block, energy, dispersion);                                              \
      } else {                                                                                                             \
        rtml::detail::plain::accumulate<false>(by, block, energy, dispersion);                                             \
      }                                                                                                                    \
    }                                                                                                                      \
    target static void apply(const Optimizer& by, const Block& block, const typename Optimizer::Plan& plan) noexcept {     \
      if (block.before != nullptr) {                                                                                       \
        rtml::detail::plain::apply<true>(by, block, plan);                                                                 \
      } else {                                                                                                             \
        rtml::detail::plain::apply<false>(by, block, plan);                                                                \
      }                                                                                                                    \
    }                                                                                                                      \
    target static void scale_columns(std::size_t n, const float* x, const rtml::detail::ScaledColumns& columns) noexcept { \
      rtml::detail::plain::scale_columns(n, x, columns);                                                                   \
    }                                                                                                                      \
  };

RTML_LINEAR_KERNELS_FOR(PlainLinearKernels, )
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__AVX2__)
#define RTML_LINEAR_KERNELS_VERSIONS 1
RTML_LINEAR_KERNELS_FOR(Avx2LinearKernels, __attribute__((target("arch=x86-64-v3"))))
RTML_LINEAR_KERNELS_FOR(Avx512LinearKernels, __attribute__((target("arch=x86-64-v4"))))

inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#endif

}  // namespace rtml::testing
