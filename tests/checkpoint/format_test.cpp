#include "rtml/checkpoint/format.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/core/error.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using rtml::ConfigError;
using rtml::FormatError;
using rtml::checkpoint::Compression;
using rtml::checkpoint::decode;
using rtml::checkpoint::encode;
using rtml::checkpoint::Section;
using rtml::checkpoint::testing::aligned;
using rtml::checkpoint::testing::Bytes;
using rtml::checkpoint::testing::bytes_of;
using rtml::checkpoint::testing::mixed_bytes;
using rtml::checkpoint::testing::patched;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::sample_sections;
using rtml::checkpoint::testing::sealed;

namespace {

constexpr std::size_t first_entry = 16;  // docs/format.md: offset +0, stored +8, length +16, checksum +24, packing +32, name length +33

/// What a reader says of `file`; "" when it reads it.
std::string refusal(const Bytes& file, std::uint64_t limit = std::uint64_t{1} << 26U) {
  try {
    decode(file, limit);
    return "";
  } catch (const FormatError& error) {
    return error.what();
  }
}

bool says(const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; }

const std::string golden = RTML_SOURCE_DIR "/tests/checkpoint/golden/";

std::vector<Section> golden_sections() {
  return {{"model", bytes_of("the weights of a model that was served in version 1")}, {"empty", {}}, {"zeros", Bytes(300)}};
}

}  // namespace

TEST_CASE("A checkpoint gives back its sections, in order and to the byte", "[checkpoint]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1200}, std::size_t{3} << 20U}) {
    const auto sections = sample_sections(size, size);
    CHECK(decode(encode(sections, compression)) == sections);
  }
  CHECK(decode(encode({}, compression)).empty());
}

TEST_CASE("Compression makes a checkpoint smaller and never larger", "[checkpoint]") {
  const std::vector<Section> zeros{{"zeros", Bytes(1 << 20)}};
  CHECK(encode(zeros, Compression::zstd).size() < 1000);

  auto noise = mixed_bytes(3, 2000);
  noise.resize(1000);
  const std::vector<Section> random{{"random", noise}};
  CHECK(encode(random, Compression::zstd) == encode(random));
}

TEST_CASE("A checkpoint truncated at any byte is refused", "[checkpoint][hostile]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  const Bytes file = encode(sample_sections(), compression);
  REQUIRE(file.size() > 1400);
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    REQUIRE(refusal(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))) != "");
  }
}

TEST_CASE("A checkpoint with bytes after its end is refused", "[checkpoint][hostile]") {
  Bytes file = encode(sample_sections());
  const Bytes once = file;
  file.insert(file.end(), once.begin(), once.end());
  CHECK(says(refusal(file), "bytes, was written with"));
  file = once;
  file.push_back(std::byte{0});
  CHECK(says(refusal(file), "has no end mark"));
}

TEST_CASE("A checkpoint with any byte flipped is refused", "[checkpoint][hostile]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  Bytes file = encode(sample_sections(), compression);
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const unsigned mask : {0x01U, 0x80U, 0xffU}) {
      file[at] ^= static_cast<std::byte>(mask);
      CAPTURE(at, mask);
      REQUIRE(refusal(file) != "");
      file[at] ^= static_cast<std::byte>(mask);
    }
  }
  CHECK(refusal(file) == "");
}

TEST_CASE("A small checkpoint with any bit flipped is refused", "[checkpoint][hostile]") {
  const std::vector<Section> sections{{"a", bytes_of("some state")}, {"b", {}}};
  Bytes file = encode(sections);
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    file[bit / 8] ^= mask;
    CAPTURE(bit);
    REQUIRE(refusal(file) != "");
    file[bit / 8] ^= mask;
  }
}

TEST_CASE("A refusal names the section that is damaged and where it lies", "[checkpoint][hostile]") {
  Bytes file = encode(std::vector<Section>{{"model", bytes_of("weights")}, {"offset", bytes_of("4711")}});
  const std::size_t second = aligned(aligned(first_entry + 2 * 34 + 5 + 6) + 7);
  file[second] ^= std::byte{1};
  CHECK(refusal(file) == "checkpoint: section \"offset\" is damaged: its checksum differs (bytes 192 to 196)");
  file[second] ^= std::byte{1};
  file[second - 1] = std::byte{1};
  CHECK(refusal(file) == "checkpoint: bytes before section \"offset\" are not 0 (at byte 135)");
  file[second - 1] = std::byte{0};
  file[first_entry + 34] ^= std::byte{1};  // the name of the first section
  CHECK(says(refusal(file), "damaged outside of its sections"));
}

TEST_CASE("A checkpoint of a format version this build does not know is refused by number", "[checkpoint]") {
  const Bytes file = encode(sample_sections());
  CHECK(refusal(patched(file, 8, 4, 3)) == "checkpoint: has format version 3, this build reads 1 to 2 (at byte 8)");
  CHECK(refusal(patched(file, 8, 4, 0)) == "checkpoint: has format version 0, this build reads 1 to 2 (at byte 8)");
}

TEST_CASE("What is no checkpoint at all is called so", "[checkpoint]") {
  CHECK(refusal({}) == "checkpoint: is no checkpoint of rtml (at byte 0)");
  CHECK(refusal(bytes_of("a,b,c\n1,2,3\n")) == "checkpoint: is no checkpoint of rtml (at byte 0)");
  CHECK(says(refusal(Bytes(10000)), "is no checkpoint of rtml"));
}

TEST_CASE("Section names are given, given once and at most 255 bytes long", "[checkpoint][config]") {
  CHECK_THROWS_WITH(encode(std::vector<Section>{{"a", {}}, {"a", {}}}), "Section: name is \"a\", must be given once");
  CHECK_THROWS_AS(encode(std::vector<Section>{{"", {}}}), ConfigError);
  CHECK_THROWS_AS(encode(std::vector<Section>{{std::string(256, 'x'), {}}}), ConfigError);
  CHECK(decode(encode(std::vector<Section>{{std::string(255, 'x'), {}}})).size() == 1);
}

TEST_CASE("A file that names a section twice is refused though its checksums agree", "[checkpoint][hostile]") {
  const Bytes file = encode(std::vector<Section>{{"a", {}}, {"b", {}}});
  const std::size_t second_name = first_entry + 34 + 1 + 34;
  CHECK(refusal(patched(file, second_name, 1, 'a')) == "checkpoint: section \"a\" is there twice");
}

TEST_CASE("Lengths that lie are refused before memory is taken for them, though checksums agree", "[checkpoint][hostile]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  const Bytes file = encode(std::vector<Section>{{"half", mixed_bytes(1, 100000)}, {"tail", bytes_of("x")}}, compression);
  REQUIRE(refusal(file) == "");
  const rtml::testing::AllocationLimit limit(file.size() + (std::size_t{1} << 20U));
  for (const std::size_t field : {std::size_t{0}, std::size_t{8}, std::size_t{16}}) {
    for (const unsigned shift : {0U, 1U, 8U, 20U, 25U, 26U, 31U, 32U, 33U, 40U, 62U, 63U}) {
      for (const std::uint64_t less : {std::uint64_t{0}, std::uint64_t{1}}) {
        const std::uint64_t value = (std::uint64_t{1} << shift) - less;
        CAPTURE(field, value);
        REQUIRE(refusal(patched(file, first_entry + field, 8, value)) != "");
      }
    }
  }
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{0xffffffff}}) {
    CAPTURE(count);
    REQUIRE(refusal(patched(file, 12, 4, count)) != "");
  }
  CHECK(says(refusal(patched(file, first_entry + 32, 1, 2)), "packed in way 2"));
  CHECK(says(refusal(patched(file, first_entry + 32, 1, compression == Compression::none ? 1 : 0)), "\"half\""));
  CHECK(says(refusal(patched(file, first_entry + 33, 1, 0)), "has no name"));
  CHECK(says(refusal(patched(file, first_entry + 8, 8, file.size() - 24)), "section \"half\" is truncated"));
}

TEST_CASE("A promise that zstd cannot keep is refused without unpacking", "[checkpoint][hostile]") {
  const Bytes file = encode(std::vector<Section>{{"zeros", Bytes(1000)}}, Compression::zstd);
  CHECK(says(refusal(patched(file, first_entry + 16, 8, std::uint64_t{1} << 25U)), "promises 33554432 bytes from"));
}

TEST_CASE("A section that unpacks to more than the reader allows is refused, and so are many that do together", "[checkpoint][hostile]") {
  const std::vector<Section> sections{{"a", Bytes(600)}, {"b", Bytes(600)}};
  const Bytes packed = encode(sections, Compression::zstd);
  CHECK(refusal(packed, 1200) == "");
  CHECK(says(refusal(packed, 1199), "section \"b\" unpacks to 600 bytes, the limit leaves 599"));
  CHECK(refusal(encode(sections), 0) == "");  // nothing is unpacked
}

TEST_CASE("A packed section that ends too early or too late is refused", "[checkpoint][hostile]") {
  const Bytes file = encode(std::vector<Section>{{"zeros", Bytes(100000)}}, Compression::zstd);
  CHECK(says(refusal(patched(file, first_entry + 16, 8, 99999)), "section \"zeros\""));
  CHECK(says(refusal(patched(file, first_entry + 16, 8, 100001)), "unpacks to 100000 bytes, expected 100001"));

  // Two frames in one section: the second would be read by nobody.
  const std::size_t begin = aligned(first_entry + 34 + 5);
  const Bytes frame(file.begin() + static_cast<std::ptrdiff_t>(begin), file.end() - 24);
  Bytes twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  Bytes forged = file;
  forged.insert(forged.begin() + static_cast<std::ptrdiff_t>(begin), frame.begin(), frame.end());
  forged = patched(forged, first_entry + 8, 8, twice.size());
  forged = patched(forged, first_entry + 24, 8, XXH3_64bits(twice.data(), twice.size()));
  forged = patched(forged, forged.size() - 16, 8, forged.size());
  CHECK(says(refusal(forged), "section \"zeros\" unpacks to"));
}

TEST_CASE("Files of every format version stay readable, and those of the newest are written as they were", "[checkpoint][golden]") {
  for (const char* file : {"version_1_raw.rtml", "version_1_zstd.rtml", "version_2_raw.rtml", "version_2_zstd.rtml"}) {
    CAPTURE(file);
    CHECK(decode(read_file(golden + file)) == golden_sections());
  }
  CHECK(encode(golden_sections()) == read_file(golden + "version_2_raw.rtml"));
}

TEST_CASE("A file of version 1 with any byte flipped is refused", "[checkpoint][golden]") {
  Bytes file = read_file(golden + "version_1_raw.rtml");
  for (std::size_t at = 0; at < file.size(); ++at) {
    file[at] ^= std::byte{0x10};
    CAPTURE(at);
    REQUIRE(refusal(file) != "");
    file[at] ^= std::byte{0x10};
  }
}

TEST_CASE("What is borrowed is written in its place, and as if it had been copied", "[checkpoint]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  const std::vector<float> weights(5000, 0.25F);
  const std::vector<float> empty;
  const auto write = [&](rtml::Writer writer) {
    writer(std::string("before"));
    writer.lasting(std::span(weights));
    writer.lasting(std::span(empty));
    writer(std::uint8_t{7});
    writer.lasting(std::span(weights).first(3));
    return Section::of("model", std::move(writer));
  };
  const std::vector<Section> copied{write(rtml::Writer())};
  const std::vector<Section> borrowed{write(rtml::Writer::borrowing())};
  REQUIRE(borrowed[0].borrowed.size() == 2);
  CHECK(borrowed[0].bytes.size() < 300);
  CHECK(borrowed[0] == copied[0]);
  CHECK(encode(borrowed, compression) == encode(copied, compression));
  Section other = copied[0];
  other.bytes.back() ^= std::byte{1};
  CHECK(!(borrowed[0] == other));
}

TEST_CASE("A section that is not compressed lies at a multiple of 64 bytes in the mapped file", "[checkpoint]") {
  const rtml::checkpoint::testing::TemporaryFolder folder;
  const std::string path = folder / "state.rtml";
  rtml::checkpoint::write_file(path, sample_sections(1, 1001), Compression::none);
  const auto checkpoint = rtml::checkpoint::Checkpoint::open(path);
  std::filesystem::remove(path);  // a mapping stays
  CHECK(checkpoint.borrowed() == sample_sections(1, 1001));
  for (const auto& section : checkpoint.sections()) CHECK(reinterpret_cast<std::uintptr_t>(section.bytes.span().data()) % 64 == 0);
  CHECK(checkpoint.find("offset")->bytes.size() == 4);
  CHECK(checkpoint.find("nothing") == nullptr);
  CHECK_THROWS_WITH(checkpoint.at("nothing"), "checkpoint: has no section \"nothing\"");
}

TEST_CASE("The fuzzer's seeds are read and written again, or refused, without taking memory for promises", "[checkpoint][hostile]") {
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(RTML_SOURCE_DIR "/fuzz/corpus/checkpoint_fuzz")) {
    CAPTURE(entry.path().string());
    const Bytes file = read_file(entry.path().string());
    const rtml::testing::AllocationLimit limit(std::size_t{1} << 24U);
    if (refusal(file) == "") CHECK(decode(encode(decode(file))) == decode(file));
    CHECK((refusal(file) == "") == entry.path().filename().string().starts_with("whole"));
    ++seeds;
  }
  CHECK(seeds >= 8);
}
