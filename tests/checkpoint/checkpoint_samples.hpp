// What the tests of checkpoints save, break and look at.
#pragma once

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/checkpoint/format.hpp"
#include "rtml/core/rng.hpp"

namespace rtml::checkpoint::testing {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Half of them random, half zero: zstd has something to do and something to store.
inline Bytes mixed_bytes(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  Bytes bytes(count);
  for (std::size_t i = 0; i < count / 2; ++i) bytes[i] = static_cast<std::byte>(rng());
  return bytes;
}

inline std::vector<Section> sample_sections(std::uint64_t seed = 1, std::size_t size = 1200) {
  return {{"model", mixed_bytes(seed, size)}, {"empty", {}}, {"offset", bytes_of("4711")}, {"windows", mixed_bytes(seed + 1, size)}};
}

/// Where the table of sections ends, if the file's own words are believed.
inline std::size_t table_end_of(const Bytes& file) {
  std::size_t at = 16;
  for (unsigned row = 0; row < std::to_integer<unsigned>(file[12]) && at + 34 <= file.size(); ++row)
    at += 34 + std::to_integer<std::size_t>(file[at + 33]);
  return std::min(at, file.size() - 24);
}

/// Where a section is put that comes after byte `at`.
inline std::size_t aligned(std::size_t at) { return (at + 63) / 64 * 64; }

/// Makes the last eight bytes agree with the rest, as somebody who means harm would.
inline Bytes sealed(Bytes file) {
  Bytes outside(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(table_end_of(file)));
  outside.insert(outside.end(), file.end() - 24, file.end() - 8);
  const std::uint64_t checksum = XXH3_64bits(outside.data(), outside.size());
  for (std::size_t i = 0; i < 8; ++i) file[file.size() - 8 + i] = static_cast<std::byte>(checksum >> (8 * i));
  return file;
}

/// `file` with a little-endian number of `width` bytes put at `at`, sealed again.
inline Bytes patched(Bytes file, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) file.at(at + i) = static_cast<std::byte>(value >> (8 * i));
  return sealed(std::move(file));
}

inline Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return bytes_of(text);
}

inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

/// A folder of its own, gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "rtml-checkpoint-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace rtml::checkpoint::testing
