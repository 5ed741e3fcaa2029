#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/math.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/encoding.hpp"
#include "rtml/transform/field.hpp"

namespace rtml {
namespace detail {

inline constexpr std::size_t longest_ngram = 8;

struct Ngrams {
  std::size_t least;
  std::size_t most;
};

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The hashes of the words of a text, one by one. A word is a run of ASCII letters (lowered) and digits, and of all bytes beyond ASCII.
class Words {
 public:
  static constexpr std::string_view name = "words";

  explicit Words(std::string_view text) noexcept : text_(text) {}

  /// False at the end.
  bool next(std::uint64_t& hash) noexcept {
    while (at_ < text_.size() && !belongs(text_[at_])) ++at_;
    if (at_ == text_.size()) return false;
    hash = 0;
    std::array<char, 64> part;  // NOLINT(cppcoreguidelines-pro-type-member-init): as much as is filled
    std::size_t size = 0;
    for (; at_ < text_.size() && belongs(text_[at_]); ++at_) {
      if (size == part.size()) hash = hash_bytes({part.data(), std::exchange(size, 0)}, hash);
      part[size++] = lower(text_[at_]);
    }
    hash = hash_bytes({part.data(), size}, hash);
    return true;
  }

 private:
  static constexpr bool belongs(char c) noexcept {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// The hashes of the characters of a text, one by one: code points of UTF-8, ASCII letters lowered, white space in a row as one blank. Of what
/// is no UTF-8, bytes.
class Characters {
 public:
  static constexpr std::string_view name = "characters";

  explicit Characters(std::string_view text) noexcept : text_(text) {}

  bool next(std::uint64_t& hash) noexcept {
    if (at_ == text_.size()) return false;
    if (is_blank(text_[at_])) {
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      hash = ' ';
      return true;
    }
    hash = static_cast<unsigned char>(lower(text_[at_++]));
    if (hash < 0xc0) return true;
    for (int n = 0; n < 3 && at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xc0U) == 0x80U; ++n)
      hash = hash << 8U | static_cast<unsigned char>(text_[at_++]);
    return true;
  }

 private:
  static constexpr bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace detail

namespace detail {

/// Each run counts 1.
struct PlainRuns {
  template <class Event>
  static void bind(Binding<Event>& /*binding*/, const std::string& /*name*/, std::string& /*definition*/, std::size_t /*limit*/) {}
  static float value(const Cursor& /*cursor*/, std::size_t /*place*/, std::uint64_t /*run*/) noexcept { return 1.0F; }
  static void finish(Cursor& /*cursor*/, std::size_t /*used*/, std::size_t /*limit*/) noexcept {}
};

/// Each run counts its inverse document frequency.
class InverseFrequency {
 public:
  explicit InverseFrequency(unsigned bits) : bits_(bits) { require_table_bits("tf_idf", bits); }

  template <class Event>
  void bind(Binding<Event>& binding, const std::string& name, std::string& definition, std::size_t limit) const {
    definition += "|tf_idf(" + to_text(bits_) + ")";
    binding.tables.push_back({hash_combine(hash_bytes(name), hash_bytes(definition)), FittedTables::Kind::documents, bits_, limit});
  }

  float value(const Cursor& cursor, std::size_t place, std::uint64_t run) const noexcept {
    const std::size_t cell = cell_of(run, bits_);
    cursor.table_input[place] = static_cast<float>(cell);
    const double all = cursor.tables->count(cursor.table);
    return 1.0F + math::log(static_cast<float>((1.0 + all) / (1.0 + cursor.tables->count(cursor.table, cell))));
  }

  static void finish(Cursor& cursor, std::size_t used, std::size_t limit) noexcept {
    std::fill(cursor.table_input + used, cursor.table_input + limit, std::numeric_limits<float>::quiet_NaN());
    cursor.table_input += limit;
    ++cursor.table;
  }

 private:
  unsigned bits_;
};

}  // namespace detail

/// Runs of words or characters (`Unit`) of a text, each a sparse feature of value 1, so that one that comes twice counts twice. Made by
/// words() and characters(); `| ngrams(least, most)` for runs of other lengths, `| tf_idf()` for other values.
template <class A, class Unit, class Weighting = detail::PlainRuns>
class TextRuns {
 public:
  static constexpr bool reads_time = false;

  TextRuns(std::string name, Field<A> field, std::size_t limit, detail::Ngrams lengths, Weighting weighting = {})
      : name_(std::move(name)),
        field_(std::move(field)),
        limit_(limit),
        lengths_(lengths),
        weighting_(std::move(weighting)),
        seed_(hash_bytes(name_)) {
    require(Unit::name, "limit", limit, limit >= 1 && limit <= 4096, "in [1, 4096]");
  }

  template <class Event>
  void bind(detail::Binding<Event>& binding) {
    binding.reads(field_);
    static_assert(detail::Text<detail::Read<A, Event>>, "words(), characters(): the accessor gives text");
    std::string definition = std::string(Unit::name) + field_.version_suffix() + "|ngrams(" + to_text(lengths_.least) + "," +
                             to_text(lengths_.most) + ")[" + to_text(limit_) + "]";
    weighting_.bind(binding, name_, definition, limit_);
    binding.add_hashed(name_, std::move(definition));
    binding.sparse_capacity += limit_ - 1;
  }

  template <class Event>
  void compute(const Event& event, detail::Cursor& cursor) const noexcept {
    Unit units(detail::to_text_view(field_.read(event)));
    std::array<std::uint64_t, detail::longest_ngram> recent{};  // the last units, newest first
    std::size_t left = limit_;
    std::uint64_t unit = 0;
    for (std::size_t seen = 1; left > 0 && units.next(unit); ++seen) {
      std::memmove(&recent[1], recent.data(), (recent.size() - 1) * sizeof(unit));
      recent[0] = unit;
      std::uint64_t run = seed_;
      for (std::size_t length = 1; length <= lengths_.most && length <= seen && left > 0; ++length) {
        run = hash_combine(run, recent[length - 1]);
        if (length < lengths_.least) continue;
        *cursor.sparse++ = {detail::sparse_index(run), weighting_.value(cursor, limit_ - left, run)};
        --left;
      }
    }
    weighting_.finish(cursor, limit_ - left, limit_);
  }

  friend TextRuns operator|(TextRuns text, detail::Ngrams lengths) {
    text.lengths_ = lengths;
    return text;
  }

  friend auto operator|(TextRuns text, detail::InverseFrequency weighting) requires(std::same_as<Weighting, detail::PlainRuns>) {
    return TextRuns<A, Unit, detail::InverseFrequency>(std::move(text.name_), std::move(text.field_), text.limit_, text.lengths_,
                                                       std::move(weighting));
  }

 private:
  std::string name_;
  Field<A> field_;
  std::size_t limit_;
  detail::Ngrams lengths_;
  Weighting weighting_;
  std::uint64_t seed_;
};

namespace detail {

template <class Unit, class A>
TextRuns<A, Unit> text_runs(std::string name, Field<A> field, std::size_t limit, std::size_t length) {
  return {std::move(name), std::move(field), limit, {length, length}};
}

}  // namespace detail

/// The words of a text as hashed features: `words("title", &Ad::title) | ngrams(1, 2)` for single ones and pairs. A word is a run of letters
/// and digits, ASCII letters lowered; the first `limit` runs count. Nothing of empty text. O(bytes).
/// @throws ConfigError unless limit is in [1, 4096]
template <detail::Source S>
auto words(std::string name, S source, std::size_t limit = 64) {
  return detail::text_runs<detail::Words>(std::move(name), detail::to_field(std::move(source)), limit, 1);
}

/// Runs of three characters of a text as hashed features, or of others by `| ngrams(least, most)`: near spellings share most of them. Characters
/// are code points of UTF-8, ASCII letters lowered, white space as one blank; the first `limit` runs count.
/// @throws ConfigError unless limit is in [1, 4096]
template <detail::Source S>
auto characters(std::string name, S source, std::size_t limit = 128) {
  return detail::text_runs<detail::Characters>(std::move(name), detail::to_field(std::move(source)), limit, 3);
}

/// Runs of `least` to `most` neighbours. @throws ConfigError unless 1 <= least <= most <= 8
inline detail::Ngrams ngrams(std::size_t least, std::size_t most) {
  require("ngrams", "most", most, most <= detail::longest_ngram, "at most 8");
  require("ngrams", "least", least, least >= 1 && least <= most, "in [1, most]");
  return {least, most};
}

/// Gives each run the value ln((1 + documents) / (1 + documents with it)) + 1, by the texts that the loop has observed so far; one that comes
/// twice counts twice: the frequency of the term times its inverse document frequency. Values are not normalised. A table of 2^bits counts, 8
/// bytes each; each event keeps `limit` floats until it was observed. Source: G. Salton, C. Buckley, "Term-weighting approaches in automatic
/// text retrieval", Information Processing and Management 24 (1988), table 1, smoothed as if there were one more text with every run.
/// @throws ConfigError unless bits is in [1, 24]
inline detail::InverseFrequency tf_idf(unsigned bits = 18) { return detail::InverseFrequency(bits); }

}  // namespace rtml
