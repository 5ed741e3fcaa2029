// What every Checkpointable type owes. Each law answers "" when it holds, else what broke it; check_archive asserts them all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/thin.hpp"

namespace rtml::testing {

using Bytes = std::vector<std::byte>;

namespace detail {

/// The places to damage: all of a small archive; of a big one both ends and a sample between, as each costs a copy of the object.
inline std::vector<std::size_t> places_in(std::size_t size) {
  constexpr std::size_t copied_bytes = (std::size_t{1} << 26U) / (thin * thin);
  const std::size_t most = std::max<std::size_t>(512, copied_bytes / std::max<std::size_t>(size, 1));
  std::vector<std::size_t> places;
  if (size <= most) {
    for (std::size_t i = 0; i < size; ++i) places.push_back(i);
    return places;
  }
  for (std::size_t i = 0; i < most / 4; ++i) {
    places.push_back(i);
    places.push_back(size - 1 - i);
  }
  Rng rng(size);
  while (places.size() < most) places.push_back(static_cast<std::size_t>(rng.below(size)));
  return places;
}

/// What one allocation may take while `size` bytes are read into an object like `object`.
template <class T>
std::size_t allocation_bound(const T& object, std::size_t size) {
  std::size_t bound = (std::size_t{1} << 20U) + 64 * size;
  if constexpr (Sized<T>) bound += 2 * object.memory_bytes();
  return bound;
}

/// Reads damaged bytes into a copy of `object`. "" = refused with a FormatError and the copy is as it was, or read and `use`d.
template <class T, class Use>
std::string read_damaged(const T& object, const Bytes& intact, const Bytes& damaged, bool may_load, Use& use) {
  T target = object;
  try {
    const AllocationLimit limit(allocation_bound(object, intact.size()));
    load(target, damaged);
    if (!may_load) return "was read";
    use(target);
    return "";
  } catch (const FormatError&) {
    return save(target) == intact ? "" : "was refused, and changed the object all the same";
  } catch (const std::bad_alloc&) {
    return "made it allocate what the bytes do not hold";
  } catch (const std::exception& error) {
    return std::string("threw something else than FormatError: ") + error.what();
  }
}

}  // namespace detail

/// Saved, loaded into `blank` (built as `object` was) and saved again, the bytes are the same.
template <Checkpointable T>
std::string law_round_trip(const T& object, const T& blank) {
  const Bytes bytes = save(object);
  if (save(object) != bytes) return "saving twice gives different bytes";
  T restored = blank;
  try {
    load(restored, bytes);
  } catch (const Error& error) {
    return std::string("its own bytes are refused: ") + error.what();
  }
  return save(restored) == bytes ? "" : "what was loaded saves to other bytes";
}

/// Every proper beginning of the bytes is refused with a FormatError, which leaves the object as it was.
template <Checkpointable T>
std::string law_refuses_truncation(const T& object) {
  const Bytes bytes = save(object);
  auto unused = [](T&) {};
  for (const std::size_t size : detail::places_in(bytes.size())) {
    const Bytes damaged(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string broken = detail::read_damaged(object, bytes, damaged, false, unused);
    if (!broken.empty()) return "cut to " + to_text(size) + " of " + to_text(bytes.size()) + " bytes: " + broken;
  }
  return "";
}

/// With any byte flipped the bytes are refused, or give an object that can be used: `use(object)` must not crash.
template <Checkpointable T, class Use>
std::string law_survives_flips(const T& object, Use use) {
  const Bytes bytes = save(object);
  for (const std::size_t place : detail::places_in(bytes.size())) {
    for (const unsigned mask : {0x01U, 0x10U, 0x80U, 0xffU}) {
      Bytes damaged = bytes;
      damaged[place] ^= static_cast<std::byte>(mask);
      const std::string broken = detail::read_damaged(object, bytes, damaged, true, use);
      if (!broken.empty()) return "byte " + to_text(place) + " xor " + to_text(mask) + ": " + broken;
    }
  }
  return "";
}

/// Bytes that go on after the object are refused.
template <Checkpointable T>
std::string law_refuses_excess(const T& object) {
  const Bytes bytes = save(object);
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  auto unused = [](T&) {};
  const std::string broken = detail::read_damaged(object, bytes, longer, false, unused);
  return broken.empty() ? "" : "one byte too many: " + broken;
}

/// Asserts all of it. `blank` is one built as `object` was; `use` exercises what a damaged archive may have given.
template <Checkpointable T, class Use>
void check_archive(const T& object, const T& blank, Use use) {
  CHECK(law_round_trip(object, blank) == "");
  CHECK(law_refuses_truncation(object) == "");
  CHECK(law_refuses_excess(object) == "");
  CHECK(law_survives_flips(object, use) == "");
}

template <Checkpointable T>
void check_archive(const T& object, const T& blank) {
  check_archive(object, blank, [](T& read) { static_cast<void>(save(read)); });
}

}  // namespace rtml::testing
