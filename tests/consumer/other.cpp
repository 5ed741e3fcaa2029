#include <cstdint>
#include <rtml/core/archive.hpp>
#include <rtml/core/features.hpp>
#include <rtml/core/finite.hpp>
#include <rtml/core/kernels.hpp>
#include <rtml/core/math.hpp>
#include <rtml/core/rng.hpp>
#include <rtml/core/schema.hpp>
#include <rtml/drift/adwin.hpp>
#include <rtml/learn/linear.hpp>
#include <rtml/version.hpp>

std::uint64_t fingerprint_elsewhere();
float sigmoid_elsewhere(float x);

std::uint64_t fingerprint_elsewhere() { return rtml::Schema::numeric(3).fingerprint(); }
float sigmoid_elsewhere(float x) { return rtml::math::sigmoid(x); }
