// What the tests of checkpoints save, break and look at.
#pragma once

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <xxhash.h>

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

/// Makes the last eight bytes agree with the rest, as somebody who means harm would.
inline Bytes sealed(Bytes file) {
  const std::uint64_t checksum = XXH3_64bits(file.data(), file.size() - 8);
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
