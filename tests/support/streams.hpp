// Seeded streams whose truth is known; the same numbers on every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/task.hpp"

namespace rtml::testing {

/// `n` standard normal values whose mean rises by `jump` at index `at`.
inline std::vector<double> gaussian_with_jump(std::uint64_t seed, std::size_t n, std::size_t at, double jump) {
  Rng rng(seed);
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = rng.normal() + (i < at ? 0.0 : jump);
  return values;
}

/// `n` zeros and ones (errors of a classifier): P(1) is `before` up to index `at`, then `after`.
inline std::vector<double> bernoulli_with_jump(std::uint64_t seed, std::size_t n, std::size_t at, double before, double after) {
  Rng rng(seed);
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = rng.uniform() < (i < at ? before : after) ? 1.0 : 0.0;
  return values;
}

/// `n` standard normal values.
inline std::vector<double> gaussian(std::uint64_t seed, std::size_t n) { return gaussian_with_jump(seed, n, n, 0.0); }

/// An rtml::Example with its features.
struct OwnedExample {
  FeatureVector x;
  float y = 0.0F;
  float weight = 1.0F;
};

/// What labelled_examples makes.
struct ExampleShape {
  Task task = Task::binary;
  int classes = 2;          ///< of Task::classes
  std::size_t dense = 4;    ///< columns, standard normal
  std::size_t nominal = 0;  ///< how many of them, the last ones, hold a category code 0 to 3 instead
  std::size_t sparse = 0;   ///< hashed features an example, from a vocabulary of 64
  double missing = 0.05;    ///< P(a dense value is NaN)
  bool counts = false;      ///< labels of Task::regression are counts 0, 1, 2, ...
};

/// `n` examples that follow a fixed linear rule on the first two dense columns (and the first sparse one), with noise; weights 0.5 to 2.
inline std::vector<OwnedExample> labelled_examples(const ExampleShape& shape, std::uint64_t seed, std::size_t n) {
  Rng rng(seed);
  std::vector<OwnedExample> examples(n);
  for (OwnedExample& example : examples) {
    std::vector<float> dense(shape.dense);
    for (std::size_t i = 0; i < shape.dense; ++i)
      dense[i] = i + shape.nominal < shape.dense ? static_cast<float>(rng.normal()) : static_cast<float>(rng.below(4));
    double margin = 0.3 * rng.normal();
    if (shape.dense > 0) margin += 2.0 * static_cast<double>(dense[0]);
    if (shape.dense > 1) margin -= static_cast<double>(dense[1]);
    std::vector<SparseFeature> sparse(shape.sparse);
    for (SparseFeature& feature : sparse)
      feature = {static_cast<std::uint32_t>(hash_integer(rng.below(64))), static_cast<float>(0.5 + rng.uniform())};
    if (!sparse.empty()) margin += sparse[0].index % 2 == 0 ? 0.5 : -0.5;
    for (float& value : dense)
      if (rng.uniform() < shape.missing) value = std::numeric_limits<float>::quiet_NaN();
    switch (shape.task) {
      case Task::binary: example.y = margin > 0.0 ? 1.0F : 0.0F; break;
      case Task::regression:
        example.y = shape.counts ? static_cast<float>(margin > 0.0 ? static_cast<int>(margin) : 0) : static_cast<float>(margin);
        break;
      case Task::classes: {
        const int label = static_cast<int>(margin + 0.5 * shape.classes);  // the margin's sd is about 2.3
        example.y = static_cast<float>(label < 0 ? 0 : (label >= shape.classes ? shape.classes - 1 : label));
        break;
      }
    }
    example.x = FeatureVector(std::move(dense), std::move(sparse));
    example.weight = static_cast<float>(0.5 + 1.5 * rng.uniform());
  }
  return examples;
}

}  // namespace rtml::testing
