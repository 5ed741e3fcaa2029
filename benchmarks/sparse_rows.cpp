#include "sparse_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"

namespace rtml_bench {
namespace {

[[noreturn]] void refuse(const std::string& file, std::string_view where, std::size_t number, std::string_view what) {
  rtml::raise(rtml::FormatError(fmt::format("{}, {} {}: {}", file, where, number, what)));
}

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// The next word of `line`, which it leaves behind; empty at the end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

SparseRows::SparseRows(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) rtml::raise(rtml::IoError("--data: cannot read " + file, errno));
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  begins_.push_back(0);
  const auto ends_with = [&](std::string_view end) {
    return file.size() >= end.size() && file.compare(file.size() - end.size(), end.size(), end) == 0;
  };
  rtml::require("--data", "file", file, ends_with(".bin") || ends_with(".svm"), "F.svm or F.bin");
  ends_with(".bin") ? read_bin(file, bytes) : read_svm(file, bytes);
  if (labels_.empty()) rtml::raise(rtml::FormatError(file + ": has no rows"));
}

rtml::Schema SparseRows::schema() const {
  return columns_ != 0 ? rtml::Schema::numeric(columns_) : rtml::Schema({{.name = "features", .kind = rtml::Column::Kind::hashed}});
}

void SparseRows::read_svm(const std::string& file, const std::string& text) {
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    const std::string_view label = take_word(line);
    if (label.empty()) continue;
    float y = 0.0F;
    if (!parse(label, y) || (y != 1.0F && y != 0.0F && y != -1.0F)) refuse(file, "line", number, "the label is not 0, 1 or -1");
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      const std::size_t colon = word.find(':');
      rtml::SparseFeature feature{};
      if (colon == std::string_view::npos || !parse(word.substr(0, colon), feature.index) || !parse(word.substr(colon + 1), feature.value))
        refuse(file, "line", number, "\"" + std::string(word) + "\" is not index:value");
      sparse_.push_back(feature);
    }
    labels_.push_back(y > 0.0F ? 1.0F : 0.0F);
    begins_.push_back(sparse_.size());
  }
}

void SparseRows::read_bin(const std::string& file, const std::string& bytes) {
  constexpr std::uint32_t no_index = 1U << 30U;
  std::uint32_t rows = 0;
  std::uint32_t k = 0;
  if (bytes.size() < 8) rtml::raise(rtml::FormatError(file + ": is shorter than its header of 8 bytes"));
  std::memcpy(&rows, bytes.data(), 4);
  std::memcpy(&k, bytes.data() + 4, 4);
  const std::size_t row_bytes = 1 + std::size_t{k} * 4;
  if ((bytes.size() - 8) / row_bytes != rows || (bytes.size() - 8) % row_bytes != 0)
    rtml::raise(rtml::FormatError(fmt::format("{}: has {} bytes, {} rows of {} values need {:.0f}", file, bytes.size(), rows, k,
                                              8.0 + static_cast<double>(rows) * static_cast<double>(row_bytes))));
  std::vector<std::uint32_t> words(k);
  const auto read_row = [&](std::size_t row) {
    if (k != 0) std::memcpy(words.data(), bytes.data() + 8 + row * row_bytes + 1, row_bytes - 1);
  };
  if (rows > 0) read_row(0);
  const bool dense = std::any_of(words.begin(), words.end(), [](std::uint32_t word) { return word >= no_index; });
  if (dense) columns_ = k;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto label = static_cast<unsigned char>(bytes[8 + row * row_bytes]);
    if (label > 1) refuse(file, "row", row, "the label is not 0 or 1");
    labels_.push_back(label);
    read_row(row);
    for (const std::uint32_t word : words) {
      if (dense) {
        float value = 0.0F;
        std::memcpy(&value, &word, sizeof(value));
        dense_.push_back(value);
      } else {
        if (word >= no_index) refuse(file, "row", row, "an index of 2^30 or more");
        sparse_.push_back({word, 1.0F});
      }
    }
    begins_.push_back(sparse_.size());
  }
}

SparseRows SparseRows::made_sparse(std::size_t rows, std::size_t words) {
  rtml::Rng rng(2);
  SparseRows made;
  made.begins_.push_back(0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t word = 0; word < words; ++word) {
      const double vocabulary = std::pow(10.0, 1.0 + 5.0 * static_cast<double>(word) / static_cast<double>(words));
      const auto id = static_cast<std::uint64_t>(std::pow(vocabulary, rng.uniform()));
      made.sparse_.push_back({static_cast<std::uint32_t>(rtml::hash_integer(id, word)), 1.0F});
    }
    made.begins_.push_back(made.sparse_.size());
    made.labels_.push_back(rng.uniform() < 0.25 ? 1.0F : 0.0F);
  }
  return made;
}

SparseRows SparseRows::made_dense(std::size_t rows, std::size_t columns) {
  rtml::Rng rng(1);
  SparseRows made;
  made.columns_ = columns;
  for (std::size_t i = 0; i < rows; ++i) {
    double margin = 0.0;
    for (std::size_t j = 0; j < columns; ++j) {
      made.dense_.push_back(static_cast<float>(rng.normal()));
      margin += 0.1 * static_cast<double>(made.dense_.back());
    }
    made.labels_.push_back(rng.uniform() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
  }
  return made;
}

}  // namespace rtml_bench
