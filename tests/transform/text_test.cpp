#include "rtml/transform/text.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

struct Ad {
  std::string title;
};

template <class Feature>
std::vector<std::uint32_t> runs_of(const Feature& feature, const std::string& title) {
  FeaturePipeline<Ad> pipeline(feature_set<Ad>("ads", feature));
  std::vector<std::uint32_t> indices;
  for (const SparseFeature& found : pipeline(Ad{title}).sparse) {
    CHECK(found.value == 1.0F);
    indices.push_back(found.index);
  }
  return indices;
}

std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

/// So many of `some` are in `all`.
std::size_t shared(const std::vector<std::uint32_t>& some, const std::vector<std::uint32_t>& all) {
  return static_cast<std::size_t>(
      std::count_if(some.begin(), some.end(), [&](std::uint32_t x) { return std::find(all.begin(), all.end(), x) != all.end(); }));
}

const auto title = words("title", &Ad::title);
const auto letters = characters("title", &Ad::title);

}  // namespace

TEST_CASE("Words are runs of letters and digits, whatever their case and what lies between", "[transform][text]") {
  const auto two = runs_of(title, "red shoes");
  REQUIRE(two.size() == 2);
  CHECK(two[0] != two[1]);
  CHECK(runs_of(title, "  Red, SHOES!\n") == two);
  CHECK(runs_of(title, "shoes red") == std::vector<std::uint32_t>{two[1], two[0]});
  CHECK(runs_of(title, "red red") == std::vector<std::uint32_t>{two[0], two[0]});
  CHECK(runs_of(title, "redshoes").size() == 1);
  CHECK(runs_of(title, "iphone15 pro").size() == 2);
  CHECK(runs_of(title, "").empty());
  CHECK(runs_of(title, " ?! ").empty());
  CHECK(runs_of(title,
                "gr\xc3\xb6\xc3\x9f"
                "e")
            .size() == 1);
  CHECK(runs_of(words("other", &Ad::title), "red")[0] != two[0]);
}

TEST_CASE("A word of any length is one, and all of it counts", "[transform][text]") {
  for (const std::size_t length : {63U, 64U, 65U, 128U, 129U, 10'000U}) {
    const std::string word(length, 'x');
    const auto one = runs_of(title, word);
    REQUIRE(one.size() == 1);
    CHECK(one != runs_of(title, word + "x"));
    CHECK(one != runs_of(title, "y" + word.substr(1)));
    CHECK(one == runs_of(title, std::string(length, 'X')));
  }
}

TEST_CASE("Runs of words keep their order, and those of each length are told apart", "[transform][text]") {
  const auto pairs = runs_of(title | ngrams(2, 2), "a b c");
  REQUIRE(pairs.size() == 2);
  CHECK(runs_of(title | ngrams(2, 2), "b a")[0] != pairs[0]);
  CHECK(runs_of(title | ngrams(2, 2), "z a b")[1] == pairs[0]);
  const auto both = runs_of(title | ngrams(1, 2), "a b c");
  CHECK(both.size() == 5);
  CHECK(shared(pairs, both) == 2);
  CHECK(shared(runs_of(title, "a b c"), both) == 3);
  CHECK(runs_of(title | ngrams(1, 3), "a b c d").size() == 4 + 3 + 2);
  CHECK(runs_of(title | ngrams(3, 3), "a b").empty());
}

TEST_CASE("Runs of characters are the same wherever they stand, and near spellings share them", "[transform][text]") {
  const auto runs = runs_of(letters, "abcd");
  REQUIRE(runs.size() == 2);
  CHECK(runs_of(letters, "ABCD") == runs);
  CHECK(runs_of(letters, "xabc")[1] == runs[0]);
  CHECK(runs_of(letters, "a \t b") == runs_of(letters, "a b"));
  CHECK(runs_of(letters | ngrams(1, 1),
                "gr\xc3\xb6\xc3\x9f"
                "e")
            .size() == 5);
  CHECK(runs_of(letters | ngrams(1, 1), "\xe6\x97\xa5\xe6\x9c\xac").size() == 2);
  CHECK(runs_of(letters | ngrams(1, 1), "\xf0\x9f\x98\x80!").size() == 2);
  const auto right = runs_of(letters, "mississippi river");
  CHECK(shared(runs_of(letters, "missisippi river"), right) >= right.size() - 4);
}

TEST_CASE("Text that is no UTF-8 is read byte by byte, and never beyond its end", "[transform][text][property]") {
  CHECK(runs_of(letters | ngrams(1, 1), "\x80\x80").size() == 2);
  CHECK(runs_of(letters | ngrams(1, 1), "\xc3").size() == 1);
  Rng rng(5);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(rng.below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
    const std::string_view exact(bytes.data(), bytes.size());
    detail::Characters characters_of(exact);
    detail::Words words_of(exact);
    std::uint64_t hash = 0;
    std::size_t units = 0;
    while (characters_of.next(hash)) ++units;
    CHECK(units <= bytes.size());
    units = 0;
    while (words_of.next(hash)) ++units;
    CHECK(units <= (bytes.size() + 1) / 2);
  }
}

TEST_CASE("No more runs than the limit are given, and there is room for so many", "[transform][text]") {
  const auto few = words("title", &Ad::title, 3) | ngrams(1, 2);
  CHECK(feature_set<Ad>("ads", few, words("more", &Ad::title, 5)).sparse_capacity() == 8);
  const auto all = runs_of(title | ngrams(1, 2), "a b c d");
  CHECK(runs_of(few, "a b c d") == std::vector<std::uint32_t>(all.begin(), all.begin() + 3));
}

TEST_CASE("The text of a feature is in its definition, and its indices are the same for ever", "[transform][text][golden]") {
  const auto set = feature_set<Ad>("ads", title | ngrams(1, 2), characters("letters", &Ad::title, 10));
  CHECK(set.schema().columns()[0].definition == "words|ngrams(1,2)[64]");
  CHECK(set.schema().columns()[1].definition == "characters|ngrams(3,3)[10]");
  CHECK(set.schema().columns()[0].kind == Column::Kind::hashed);
  CHECK(sorted(runs_of(title | ngrams(1, 2), "Red shoes")) == std::vector<std::uint32_t>{419690244U, 420554553U, 3136920187U});
  CHECK(runs_of(letters, "abc") == std::vector<std::uint32_t>{4082277300U});
}

TEST_CASE("Lengths and limits that make no sense are refused", "[transform][text]") {
  CHECK_THROWS_WITH(ngrams(0, 2), "ngrams: least is 0, must be in [1, most]");
  CHECK_THROWS_WITH(ngrams(3, 2), "ngrams: least is 3, must be in [1, most]");
  CHECK_THROWS_WITH(ngrams(1, 9), "ngrams: most is 9, must be at most 8");
  CHECK_THROWS_WITH(words("t", &Ad::title, 0), "words: limit is 0, must be in [1, 4096]");
  CHECK_THROWS_AS(characters("t", &Ad::title, 5000), ConfigError);
}
