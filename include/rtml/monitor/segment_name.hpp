#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rtml::monitor {

/// What a part of the stream is called: a text of at most 31 bytes, a plain value. Longer ones are cut, between characters of UTF-8.
class SegmentName {
 public:
  static constexpr std::size_t most = 31;

  SegmentName() = default;
  explicit SegmentName(std::string_view text) noexcept {
    std::size_t size = std::min(text.size(), most);
    if (size < text.size())
      while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
    std::copy_n(text.begin(), size, text_.begin());
    size_ = static_cast<std::uint8_t>(size);
  }

  std::string_view view() const noexcept { return {text_.data(), size_}; }
  friend bool operator==(const SegmentName&, const SegmentName&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.size_);
    ar.check(self.size_ <= most, "length of a segment's name");
    for (std::size_t i = 0; i < self.size_; ++i) ar(self.text_[i]);
    if constexpr (Ar::reading) std::fill(self.text_.begin() + self.size_, self.text_.end(), '\0');
  }

 private:
  std::uint8_t size_ = 0;
  std::array<char, most> text_{};  // zeroes behind the end
};

}  // namespace rtml::monitor
