// Any words and blocks for the deltas behind a whole checkpoint: refused, or a checkpoint that can be written again. The files around them
// are whole, and each delta names the one before, so that what lies behind checksums and names is reached.
// Input, for each delta: how many bytes its words have and how many its blocks (2 each, little-endian), the words from the sections on
// (docs/format.md, "Delta"), the blocks.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "memory_files.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"

namespace {

using rtml::checkpoint::Checkpoint;
using rtml::checkpoint::Section;
using rtml::checkpoint::StateDirectory;
using rtml::fuzz::Bytes;
using rtml::fuzz::MemoryFiles;

using Input = std::span<const std::byte>;

Input take(Input& input, std::size_t count) {
  const Input taken = input.first(std::min(count, input.size()));
  input = input.subspan(taken.size());
  return taken;
}

std::size_t take_length(Input& input) {
  std::size_t length = 0;
  unsigned shift = 0;
  for (const std::byte byte : take(input, 2)) {
    length |= std::to_integer<std::size_t>(byte) << shift;
    shift += 8;
  }
  return length;
}

std::vector<Section> base() {
  Bytes model(1000);
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = static_cast<std::byte>(i / 3);
  return {{"model", model}, {"a section with a long name", Bytes(128)}, {"empty", {}}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input = std::as_bytes(std::span(data, size));
  MemoryFiles files;
  std::string newest = StateDirectory("s", {}, files).save(base());
  for (std::size_t number = 2; number < 6 && !input.empty(); ++number) {
    const std::size_t words = take_length(input);
    const std::size_t blocks = take_length(input);
    rtml::Writer delta;
    delta.header("Delta", 1);
    delta(std::uint32_t{128}, newest, Checkpoint::open("s/" + newest, rtml::checkpoint::default_unpacked_limit, files).id());
    delta.raw(take(input, words));
    const Input changed = take(input, blocks);
    newest = "delta-0000000000000000000" + std::to_string(number) + ".rtml";
    const std::vector<Section> sections{Section::of("delta", std::move(delta)), {"blocks", {changed.begin(), changed.end()}}};
    files.files["s/" + newest] = rtml::checkpoint::encode(sections);
  }
  const auto loaded = StateDirectory("s", {}, files).load_newest();  // the base is whole
  if (rtml::checkpoint::decode(rtml::checkpoint::encode(loaded->checkpoint.borrowed())) != loaded->checkpoint.borrowed()) std::abort();
  return 0;
}
