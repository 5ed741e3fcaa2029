#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "example_report.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/monitor/render.hpp"
#include "support/catch.hpp"

namespace {

/// Reads a picture of the page, by the standards and with none of the code that wrote it.
class PngReader {
 public:
  std::string fault;
  std::size_t width = 0;
  std::size_t height = 0;
  unsigned depth = 0;
  std::vector<std::uint8_t> pixels;

  explicit PngReader(std::string_view bytes) {
    if (!bytes.starts_with("\x89PNG\r\n\x1A\n")) fault = "signature";
    std::string data;
    for (std::size_t at = 8; at + 12 <= bytes.size();) {
      const std::size_t size = u32(bytes, at);
      const std::string_view type = bytes.substr(at + 4, 4);
      const std::string_view body = bytes.substr(at + 8, size);
      if (u32(bytes, at + 8 + size) != crc(bytes.substr(at + 4, size + 4))) fault = "crc of " + std::string(type);
      if (type == "IHDR") width = u32(body, 0), height = u32(body, 4), depth = static_cast<unsigned char>(body[8]);
      if (type == "IDAT") data += body;
      at += 12 + size;
      if (type == "IEND" && at != bytes.size()) fault = "bytes after the end";
    }
    unfilter(inflate(data));
  }

 private:
  static std::uint32_t u32(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
    return value;
  }

  static std::uint32_t crc(std::string_view bytes) {
    std::uint32_t value = ~0U;
    for (const char c : bytes)
      for (unsigned bit = 0; bit < 8; ++bit) {
        const std::uint32_t in = (static_cast<std::uint32_t>(static_cast<unsigned char>(c)) >> bit) & 1U;
        value = ((value ^ in) & 1U) != 0 ? (value >> 1U) ^ 0xEDB88320U : value >> 1U;
      }
    return ~value;
  }

  unsigned bits(const std::string& data, unsigned count) {
    unsigned value = 0;
    for (unsigned i = 0; i < count; ++i, ++bit_) {
      if (bit_ / 8 >= data.size())
        fault = "short data";
      else
        value |= ((static_cast<unsigned char>(data[bit_ / 8]) >> (bit_ % 8)) & 1U) << i;
    }
    return value;
  }

  unsigned symbol(const std::string& data) {
    unsigned code = 0;
    for (unsigned i = 1; i <= 9; ++i) {
      code = (code << 1U) | bits(data, 1);
      if (i == 7 && code <= 0x17) return 256 + code;
      if (i == 8 && code >= 0x30 && code <= 0xBF) return code - 0x30;
      if (i == 8 && code >= 0xC0 && code <= 0xC7) return 280 + code - 0xC0;
    }
    return 144 + code - 0x190;
  }

  /// One block of fixed codes. Source: RFC 1951, 3.2.5 and 3.2.6, whose tables these are.
  std::string inflate(const std::string& data) {
    constexpr unsigned lengths[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    constexpr unsigned length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    constexpr unsigned distances[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                      193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    std::string out;
    if (!data.starts_with("\x78\x01")) fault = "zlib header";
    bit_ = 16;
    if (bits(data, 3) != 3) fault = "block";
    while (fault.empty()) {
      const unsigned code = symbol(data);
      if (code == 256) break;
      if (code < 256) {
        out += static_cast<char>(code);
        continue;
      }
      const unsigned length = lengths[code - 257] + bits(data, length_bits[code - 257]);
      unsigned distance_code = 0;
      for (int i = 0; i < 5; ++i) distance_code = (distance_code << 1U) | bits(data, 1);
      const unsigned distance = distances[distance_code] + bits(data, distance_code < 4 ? 0 : distance_code / 2 - 1);
      if (distance > out.size()) fault = "distance";
      for (unsigned i = 0; i < length && fault.empty(); ++i) out += out[out.size() - distance];
    }
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const char c : out) a = (a + static_cast<unsigned char>(c)) % 65521U, b = (b + a) % 65521U;
    const std::size_t end = (bit_ + 7) / 8;
    if (end + 4 != data.size() || u32(data, end) != ((b << 16U) | a)) fault = "checksum";
    return out;
  }

  void unfilter(const std::string& rows) {
    const std::size_t row = (width * depth + 7) / 8;
    if (rows.size() != height * (row + 1)) fault = "size";
    std::vector<unsigned> above(row, 0);
    for (std::size_t y = 0; y < height && fault.empty(); ++y) {
      if (rows[y * (row + 1)] != 2) fault = "filter";
      for (std::size_t i = 0; i < row; ++i) above[i] = (above[i] + static_cast<unsigned char>(rows[y * (row + 1) + 1 + i])) & 0xFFU;
      for (std::size_t x = 0; x < width; ++x) {
        const std::size_t bit = x * depth;
        pixels.push_back(static_cast<std::uint8_t>((above[bit / 8] >> (8 - depth - bit % 8)) & ((1U << depth) - 1)));
      }
    }
  }

  std::size_t bit_ = 0;
};

/// Source: RFC 4648, section 4.
std::string from_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned group = 0;
  unsigned bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    group = (group << 6U) | static_cast<unsigned>(digits.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((group >> bits) & 0xFFU);
  }
  return text.size() % 4 == 0 ? bytes : std::string("not base64");
}

/// The pictures on a page: effects, alarms, histograms.
std::vector<PngReader> pictures_of(const std::string& page) {
  std::vector<PngReader> pictures;
  for (std::size_t at = page.find("base64,"); at != std::string::npos; at = page.find("base64,", at + 1))
    pictures.emplace_back(from_base64(std::string_view(page).substr(at + 7, page.find(')', at) - at - 7)));
  return pictures;
}

}  // namespace

TEST_CASE("The heat map on a page shows every effect by its level, alarms in another colour and with a mark", "[monitor][html]") {
  rtml::Rng rng(1);
  for (const std::size_t features : {1U, 2U, 7U, 40U, 300U, 1000U})
    for (const std::size_t windows : {1U, 2U, 5U, 60U, 64U}) {
      rtml::monitor::Report report = rtml::testing::example_report(features, 0, windows);
      report.drift.least_effect = 0.04;
      const std::uint64_t change = 1 + rng.below(300);  // from noise to long runs, each feature the same
      float effect = 0.0F;
      for (std::size_t f = 0; f < features; ++f) {
        report.features[f].kind = rtml::monitor::FeatureDrift::Kind::numeric;
        report.features[f].alarmed = false;
        report.features[f].effect = report.features[f].psi = 0.0;  // in their own order
        for (std::size_t w = 0; w < windows; ++w) {
          if (rng.below(change) == 0) effect = static_cast<float>(0.3 * rng.uniform() * rng.uniform());
          report.history.effects[f * windows + w] = rng.below(50) == 0 ? std::numeric_limits<float>::quiet_NaN() : effect;
          report.history.alarms[f * windows + w] = effect > 0.1F ? 1 : 0;
        }
      }
      const std::vector<PngReader> pictures = pictures_of(rtml::monitor::to_html(report));
      CAPTURE(features, windows);
      REQUIRE(pictures.size() == 3);
      for (const PngReader& picture : pictures) REQUIRE(picture.fault == "");
      CHECK((pictures[0].width == windows && pictures[0].height == features && pictures[0].depth == 4));
      std::vector<std::uint8_t> levels;
      for (std::size_t i = 0; i < features * windows; ++i) {
        const double shown = static_cast<double>(report.history.effects[i]);
        unsigned level = shown != shown ? 0U : 1U;
        for (const double step : {0.02, 0.04, 0.08, 0.16}) level += shown >= step ? 1U : 0U;
        levels.push_back(static_cast<std::uint8_t>(level + (level > 0 && report.history.alarms[i] != 0 ? 5U : 0U)));
      }
      CHECK(pictures[0].pixels == levels);
      CHECK(pictures[1].pixels == report.history.alarms);
      CHECK(pictures[2].height == 10 * features);
    }
}

TEST_CASE("The small histograms on a page tell what only the reference had, and what only the window has", "[monitor][html]") {
  rtml::monitor::Report report = rtml::testing::example_report(1, 0, 4);
  auto& feature = report.features[0];
  feature.edges = {0.0, 1.0, 2.0, 3.0, 4.0};
  feature.reference = {400, 400, 100, 100};
  feature.current = {100, 20, 20, 60};  // shares 0.5, 0.1, 0.1, 0.3 beside 0.4, 0.4, 0.1, 0.1
  const std::vector<PngReader> pictures = pictures_of(rtml::monitor::to_html(report));
  REQUIRE(pictures.size() == 3);
  const PngReader& histogram = pictures[2];
  REQUIRE((histogram.width == 4 && histogram.height == 10));
  const auto column = [&histogram](std::size_t x) {  // from the ground up: nothing, was, is, both
    std::string text;
    for (std::size_t y = 10; y-- > 0;) text += "_wib"[histogram.pixels[y * 4 + x]];
    return text;
  };
  CHECK(column(0) == "bbbbbbbbii");
  CHECK(column(1) == "bbwwwwww__");
  CHECK(column(2) == "bb________");
  CHECK(column(3) == "bbiiii____");
}

TEST_CASE("A picture of features that never moved takes next to no room", "[monitor][html]") {
  rtml::monitor::Report report = rtml::testing::example_report(1000, 0, 60);
  for (float& effect : report.history.effects) effect = 0.001F;
  for (auto& alarm : report.history.alarms) alarm = 0;
  const std::string page = rtml::monitor::to_html(report);
  const std::size_t at = page.find("base64,");
  CHECK(page.find(')', at) - at < 800);
}
