#include "rtml/replay/make_rehearsal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace rtml {
namespace {

constexpr std::array<std::string_view, 3> buffers = {"reservoir", "class_balanced", "sliding"};

}  // namespace

Rehearsal make_rehearsal(Spec spec, std::uint64_t seed) {
  const auto size = static_cast<std::size_t>(spec.integer("size", 10'000, 1, 100'000'000));
  const double ratio = spec.number("ratio", 1.0);
  const std::string& name = spec.name();
  require("rehearse", "buffer", name, std::find(buffers.begin(), buffers.end(), name) != buffers.end(), one_of(buffers));
  spec.finish();
  if (name == "reservoir") return {reservoir(size, seed), ratio, seed};
  if (name == "class_balanced") return {class_balanced(size, seed), ratio, seed};
  return {sliding(size), ratio, seed};
}

}  // namespace rtml
