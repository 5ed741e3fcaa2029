// Examples that know their number, and what the tests of replay buffers ask of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/example.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::testing {

/// Two dense columns and hashed words.
inline Schema replay_schema() { return Schema({{.name = "number"}, {.name = "half"}, {.name = "words", .kind = Column::Kind::hashed}}); }

/// Example number `i`: its features, label and time tell `i`.
template <class Buffer>
void add_numbered(Buffer& buffer, std::uint64_t i, float y) {
  const auto value = static_cast<float>(i);
  const float dense[] = {value, value / 2.0F};
  const SparseFeature sparse[] = {{static_cast<std::uint32_t>(i), 1.0F}, {7, 0.5F}};
  buffer.add({dense, std::span(sparse).first(1 + i % 2)}, y, 1.0F, from_unix_seconds(static_cast<std::int64_t>(i)));
}

template <class Buffer>
void add_numbered(Buffer& buffer, std::uint64_t i) {
  add_numbered(buffer, i, static_cast<float>(i % 10));
}

inline std::uint64_t number_of(const Example& example) { return static_cast<std::uint64_t>(example.x.dense[0]); }

/// Whether all parts of a row belong to one example.
inline bool is_intact(const Example& example) {
  const std::uint64_t i = number_of(example);
  return example.x.dense.size() == 2 && example.x.dense[1] == static_cast<float>(i) / 2.0F && example.x.sparse.size() == 1 + i % 2 &&
         example.x.sparse[0].index == i && example.weight == 1.0F && example.at == from_unix_seconds(static_cast<std::int64_t>(i));
}

template <class Buffer>
std::vector<std::uint64_t> numbers_in(const Buffer& buffer) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < buffer.size(); ++i) numbers.push_back(number_of(buffer.at(i)));
  return numbers;
}

template <class Buffer>
bool all_intact(const Buffer& buffer) {
  for (std::size_t i = 0; i < buffer.size(); ++i)
    if (!is_intact(buffer.at(i))) return false;
  return true;
}

/// Chi-square statistic of "each of n items is in a sample of k equally often", n - 1 degrees of freedom. Within one sample items exclude
/// each other, hence the factor.
inline double chi_square_of_inclusion(const std::vector<std::uint64_t>& counts, std::uint64_t runs, std::size_t k) {
  const auto n = static_cast<double>(counts.size());
  const double p = static_cast<double>(k) / n;
  const double expected = static_cast<double>(runs) * p;
  double sum = 0.0;
  for (const std::uint64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum * (n - 1.0) / (n * (1.0 - p));
}

}  // namespace rtml::testing
