#include "png.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace rtml::monitor {
namespace {

void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::uint32_t adler32(std::string_view bytes) {
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521U;
    b = (b + a) % 65521U;
  }
  return (b << 16U) | a;
}

void put_chunk(std::string& out, std::string_view type, std::string_view data) {
  put_u32(out, static_cast<std::uint32_t>(data.size()));
  std::string body(type);
  body += data;
  out += body;
  put_u32(out, crc32(body));
}

/// Deflate with the fixed codes, where what repeats is a run of one byte or of one row: all that these pictures have to save.
class Deflate {
 public:
  std::string write(std::string_view bytes, std::size_t row) {
    bits(3, 3);  // the last block, fixed codes
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t near = repeated(bytes, at, 1);
      const std::size_t above = row <= 32768 ? repeated(bytes, at, row) : 0;
      const std::size_t length = std::max(near, above);
      if (length < 4) {
        literal(static_cast<unsigned char>(bytes[at++]));
        continue;
      }
      match(static_cast<unsigned>(length), near >= above ? 1U : static_cast<unsigned>(row));
      at += length;
    }
    literal(256);
    return std::move(out_);
  }

 private:
  /// How many bytes from `at` on are what lies `distance` before them.
  static std::size_t repeated(std::string_view bytes, std::size_t at, std::size_t distance) {
    if (at < distance) return 0;
    std::size_t length = 0;
    while (length < 258 && at + length < bytes.size() && bytes[at + length] == bytes[at + length - distance]) ++length;
    return length;
  }

  void bits(unsigned value, unsigned count) {  // the lowest first
    for (unsigned i = 0; i < count; ++i) {
      if (used_ == 0) out_ += '\0';
      if (((value >> i) & 1U) != 0) out_.back() = static_cast<char>(static_cast<unsigned char>(out_.back()) | (1U << used_));
      used_ = (used_ + 1) % 8;
    }
  }

  void code(unsigned value, unsigned count) {  // Huffman codes come with the highest bit first
    for (unsigned i = count; i-- > 0;) bits((value >> i) & 1U, 1);
  }

  void literal(unsigned symbol) {
    if (symbol < 144)
      code(0x30U + symbol, 8);
    else if (symbol < 256)
      code(0x190U + symbol - 144, 9);
    else if (symbol < 280)
      code(symbol - 256, 7);
    else
      code(0xC0U + symbol - 280, 8);
  }

  void match(unsigned length, unsigned distance) {
    if (length == 258) {
      literal(285);
    } else if (length < 11) {
      literal(254 + length);
    } else {  // four codes for each doubling
      const unsigned extra = static_cast<unsigned>(std::bit_width((length - 3) / 8));
      literal(261 + 4 * extra + (((length - 3) >> extra) - 4));
      bits((length - 3) & ((1U << extra) - 1), extra);
    }
    if (distance < 5) {
      code(distance - 1, 5);
    } else {  // two codes for each doubling
      const unsigned extra = static_cast<unsigned>(std::bit_width((distance - 1) / 4));
      code(2 + 2 * extra + (((distance - 1) >> extra) - 2), 5);
      bits((distance - 1) & ((1U << extra) - 1), extra);
    }
  }

  std::string out_;
  unsigned used_ = 0;
};

std::string zlib(std::string_view bytes, std::size_t row) {
  std::string out = "\x78\x01" + Deflate().write(bytes, row);
  put_u32(out, adler32(bytes));
  return out;
}

}  // namespace

std::string palette_png(std::size_t width, std::size_t height, unsigned depth, std::span<const Colour> palette,
                        std::span<const std::uint8_t> pixels) {
  std::string header;
  put_u32(header, static_cast<std::uint32_t>(width));
  put_u32(header, static_cast<std::uint32_t>(height));
  header += static_cast<char>(depth);
  header += '\3';  // colours are indices
  header.append(3, '\0');
  std::string colours;
  std::string alphas;
  for (const Colour& colour : palette) {
    for (const std::uint8_t part : {colour.red, colour.green, colour.blue}) colours += static_cast<char>(part);
    alphas += static_cast<char>(colour.alpha);
  }
  std::string rows;
  std::vector<unsigned> packed;
  const std::size_t per_byte = 8 / depth;
  const std::size_t row = (width + per_byte - 1) / per_byte;
  for (std::size_t y = 0; y < height; ++y) {
    rows += '\2';  // what differs from the row above
    for (std::size_t x = 0; x < width; x += per_byte) {
      unsigned byte = 0;
      for (std::size_t i = 0; i < per_byte; ++i) byte = (byte << depth) | (x + i < width ? pixels[y * width + x + i] : 0U);
      packed.push_back(byte);
      rows += static_cast<char>(packed.size() > row ? byte - packed[packed.size() - 1 - row] : byte);
    }
  }
  std::string out = "\x89PNG\r\n\x1A\n";
  put_chunk(out, "IHDR", header);
  put_chunk(out, "PLTE", colours);
  put_chunk(out, "tRNS", alphas);
  put_chunk(out, "IDAT", zlib(rows, row + 1));
  put_chunk(out, "IEND", "");
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t there = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = (group << 8U) | (k < there ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= there ? digits[(group >> (18U - 6U * static_cast<unsigned>(k))) & 63U] : '=';
  }
  return out;
}

}  // namespace rtml::monitor
