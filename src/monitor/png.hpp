#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rtml::monitor {

/// Red, green, blue, alpha.
struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  std::uint8_t alpha = 255;
};

/// A picture of `depth` bits a pixel (1, 2 or 4), each an index into the palette, rows from the top.
/// `pixels` [height * width] are below the palette's size, which is at most 2^depth.
/// Source: W3C, Portable Network Graphics (third edition), 5, 11.2 and 11.3; RFC 1950; RFC 1951, 3.2.5 and 3.2.6.
std::string palette_png(std::size_t width, std::size_t height, unsigned depth, std::span<const Colour> palette,
                        std::span<const std::uint8_t> pixels);

/// Source: RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace rtml::monitor
