#include "rtml/learn/detail/linear_kernels.hpp"

#include "multiversion.hpp"
#include "rtml/learn/detail/repeats.hpp"
#include "rtml/learn/optimizers.hpp"

namespace rtml::detail {

namespace {

template <class Optimizer>
struct Versions {
  using Block = WeightBlock<Optimizer>;
  using Plan = typename Optimizer::Plan;
  void (*accumulate)(const Optimizer&, const Block&, float, float) noexcept;
  void (*accumulate_scaled)(const Optimizer&, const Block&, float, float) noexcept;
  void (*apply)(const Optimizer&, const Block&, const Plan&) noexcept;
  void (*apply_scaled)(const Optimizer&, const Block&, const Plan&) noexcept;
};

// The plain forms, inlined into functions for each kind of processor.
// NOLINTBEGIN(bugprone-macro-parentheses): `target` is an attribute
#define RTML_VERSIONS(name, bytes, target)                                                                                                 \
  template <class Optimizer>                                                                                                               \
  struct name {                                                                                                                            \
    using Block = WeightBlock<Optimizer>;                                                                                                  \
    using Plan = typename Optimizer::Plan;                                                                                                 \
    target static void accumulate(const Optimizer& by, const Block& block, float energy, float dispersion) noexcept {                      \
      plain::accumulate<false>(by, block, energy, dispersion);                                                                             \
    }                                                                                                                                      \
    target static void accumulate_scaled(const Optimizer& by, const Block& block, float energy, float dispersion) noexcept {               \
      plain::accumulate<true>(by, block, energy, dispersion);                                                                              \
    }                                                                                                                                      \
    target static void apply(const Optimizer& by, const Block& block, const Plan& plan) noexcept { plain::apply<false>(by, block, plan); } \
    target static void apply_scaled(const Optimizer& by, const Block& block, const Plan& plan) noexcept {                                  \
      plain::apply<true>(by, block, plan);                                                                                                 \
    }                                                                                                                                      \
    static constexpr Versions<Optimizer> all{&accumulate, &accumulate_scaled, &apply, &apply_scaled};                                      \
  };                                                                                                                                       \
  target bool may_repeat_##name(const SparseFeature* sparse, std::size_t n, std::uint32_t mask) noexcept {                                 \
    return plain::may_repeat<bytes>(sparse, n, mask);                                                                                      \
  }                                                                                                                                        \
  target void scale_columns_##name(std::size_t n, const float* x, const ScaledColumns& columns) noexcept {                                 \
    plain::scale_columns(n, x, columns);                                                                                                   \
  }
// NOLINTEND(bugprone-macro-parentheses)

RTML_VERSIONS(Any, 16, )
#if defined(RTML_HAS_VERSIONS)
RTML_VERSIONS(Avx2, 32, RTML_AVX2)
RTML_VERSIONS(Avx512, 32, RTML_AVX512)
#endif
#undef RTML_VERSIONS

template <class Optimizer>
const Versions<Optimizer>& versions() noexcept {
#if defined(RTML_HAS_VERSIONS)
  switch (processor()) {
    case Processor::avx512: return Avx512<Optimizer>::all;
    case Processor::avx2: return Avx2<Optimizer>::all;
    case Processor::any: break;
  }
#endif
  return Any<Optimizer>::all;
}

}  // namespace

void scale_columns(std::size_t n, const float* x, const ScaledColumns& columns) noexcept {
#if defined(RTML_HAS_VERSIONS)
  switch (processor()) {
    case Processor::avx512: return scale_columns_Avx512(n, x, columns);
    case Processor::avx2: return scale_columns_Avx2(n, x, columns);
    case Processor::any: break;
  }
#endif
  scale_columns_Any(n, x, columns);
}

bool may_repeat(const SparseFeature* sparse, std::size_t n, std::uint32_t mask) noexcept {
#if defined(RTML_HAS_VERSIONS)
  switch (processor()) {
    case Processor::avx512: return may_repeat_Avx512(sparse, n, mask);
    case Processor::avx2: return may_repeat_Avx2(sparse, n, mask);
    case Processor::any: break;
  }
#endif
  return may_repeat_Any(sparse, n, mask);
}

#define RTML_KERNELS(Optimizer)                                                                                            \
  template <>                                                                                                              \
  void LinearKernels<Optimizer>::accumulate(const Optimizer& optimizer, const WeightBlock<Optimizer>& block, float energy, \
                                            float dispersion) noexcept {                                                   \
    const auto& compiled = versions<Optimizer>();                                                                          \
    (block.before != nullptr ? compiled.accumulate_scaled : compiled.accumulate)(optimizer, block, energy, dispersion);    \
  }                                                                                                                        \
  template <>                                                                                                              \
  void LinearKernels<Optimizer>::apply(const Optimizer& optimizer, const WeightBlock<Optimizer>& block,                    \
                                       const Optimizer::Plan& plan) noexcept {                                             \
    const auto& compiled = versions<Optimizer>();                                                                          \
    (block.before != nullptr ? compiled.apply_scaled : compiled.apply)(optimizer, block, plan);                            \
  }

RTML_KERNELS(AdaGrad)
RTML_KERNELS(Adam)
RTML_KERNELS(CoinBetting)
RTML_KERNELS(FtrlProximal)
RTML_KERNELS(MultiRate)
RTML_KERNELS(Nag)
RTML_KERNELS(PassiveAggressive)
RTML_KERNELS(Sgd)
#undef RTML_KERNELS

}  // namespace rtml::detail
