#include <array>
#include <bit>
#include <cstddef>
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
#include <span>
#include <vector>

#include "check.hpp"

std::uint64_t fingerprint_elsewhere();
float sigmoid_elsewhere(float x);

namespace {

// From bits: under -ffast-math the compiler may assume that no literal is one of these.
const float not_a_number = std::bit_cast<float>(0x7fc00000U);
const float infinity = std::bit_cast<float>(0x7f800000U);

void finiteness(Check& check) {
  check(rtml::is_nan(not_a_number), "a NaN is one, whatever the host's flags");
  check(!rtml::is_finite(infinity), "infinity is not finite, whatever the host's flags");
  check(!rtml::is_usable(1e16F), "a value beyond the largest magnitude is refused");
  check(rtml::is_usable(rtml::FeatureVector({1.0F, not_a_number}).features()), "a dense NaN is missing, not refused");
  check(!rtml::is_usable(rtml::FeatureVector({1.0F, infinity}).features()), "a dense infinity is refused");
  check(!rtml::is_usable(rtml::FeatureVector({}, {{7, not_a_number}}).features()), "a sparse NaN is refused");
}

void words(Check& check) {
  check(rtml::Schema::numeric(3).fingerprint() == fingerprint_elsewhere(), "a fingerprint is the same in every file");

  rtml::Rng rng(42);
  const rtml::Rng before = rng;
  rtml::Rng restored;
  rtml::load(restored, rtml::save(before));
  check(rng() == restored(), "what is loaded goes on where it was saved");

  bool refused = false;
  try {
    const std::vector<std::byte> bytes = rtml::save(before);
    rtml::load(restored, std::span(bytes).first(bytes.size() - 1));
  } catch (const rtml::FormatError&) {
    refused = true;
  }
  check(refused, "a truncated archive is a FormatError");

  const float half = rtml::math::sigmoid(0.0F);
  check(half > 0.4999F && half < 0.5001F, "sigmoid(0) is a half");
  check(rtml::math::sigmoid(1.25F) - sigmoid_elsewhere(1.25F) == 0.0F, "sigmoid is the same in every file");
#if defined(RTML_COMPILED)
  check(rtml::linked_version() == rtml::version, "headers and library are of one version");
#endif
}

void kernels(Check& check) {
  rtml::Rng rng(7);
  std::vector<float> w(1003);
  std::vector<float> x(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<float>(rng.normal());
    x[i] = i % 17 == 0 ? not_a_number : static_cast<float>(rng.normal());
  }
  const float compiled = rtml::kernels::dot_present(w.data(), x.data(), w.size());
  const float plain = rtml::kernels::plain::dot_present(w.data(), x.data(), w.size());
  check(rtml::is_finite(compiled), "missing values contribute nothing");
  check(std::bit_cast<std::uint32_t>(compiled) == std::bit_cast<std::uint32_t>(plain), "the plain kernel has the compiled one's bits");
}

void learning(Check& check) {
  rtml::LogisticRegression model;
  model.bind(rtml::Schema::numeric(2));
  rtml::Rng rng(11);
  int right = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::array<float, 2> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const float y = x[0] > x[1] ? 1.0F : 0.0F;
    const float before = model.learn({x, {}}, y);
    if (i >= 1000 && (before >= 0.5F) == (y >= 0.5F)) ++right;
  }
  check(right > 900, "a linear model learns a line");

  const std::array<float, 2> x = {1.0F, -1.0F};
  const float score = model.predict({x, {}});
  model.learn({x, {}}, not_a_number);
  const std::array<float, 2> infinite = {infinity, 0.0F};
  model.learn({infinite, {}}, 1.0F);
  check(model.refused() == 2, "a NaN label and an infinite value are refused and counted");
  check(std::bit_cast<std::uint32_t>(model.predict({x, {}})) == std::bit_cast<std::uint32_t>(score), "what is refused leaves no trace");

  rtml::LogisticRegression restored;
  restored.bind(rtml::Schema::numeric(2));
  rtml::load(restored, rtml::save(model));
  check(std::bit_cast<std::uint32_t>(restored.predict({x, {}})) == std::bit_cast<std::uint32_t>(score),
        "a restored model answers the same");
}

void detection(Check& check) {
  rtml::drift::Adwin detector;
  rtml::Rng rng(13);
  int early = 0;
  int late = 0;
  for (int i = 0; i < 2000; ++i) {
    const double value = rng.uniform() + (i < 1000 ? 0.0 : 2.0);
    if (detector.update(value) == rtml::Change::drift) ++(i < 1000 ? early : late);
  }
  check(early == 0 && late > 0, "ADWIN sees the shift, and nothing before it");
}

}  // namespace

int main() {
  Check check;
  finiteness(check);
  words(check);
  kernels(check);
  learning(check);
  detection(check);
  return check.exit_code();
}
