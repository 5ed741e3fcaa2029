#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/time.hpp"
#include "rtml/serve/figure.hpp"

namespace rtml {

/// A change of a registry, when, why, and on which figures.
struct Decision {
  enum class Kind : std::uint8_t { added, alias_set, alias_deleted, promoted, rolled_back, removed, expired };

  Time at{};
  Kind kind = Kind::added;
  std::string alias = {};            ///< that moved, or empty
  std::uint64_t from = 0;            ///< the version before; 0 = none
  std::uint64_t to = 0;              ///< the version after; 0 = none
  std::string reason = {};           ///< UTF-8, at most 5000 bytes
  std::vector<Figure> figures = {};  ///< each name once

  friend bool operator==(const Decision&, const Decision&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Decision", 1);
    ar(self.at, self.kind, self.alias, self.from, self.to, self.reason, self.figures);
    ar.check(self.kind <= Kind::expired, "kind");
    ar.check(self.alias.empty() || detail::is_alias(self.alias), "alias");
    ar.check(self.reason.size() <= detail::most_tag_bytes && self.figures.size() <= Figure::most, "reason or figures");
  }
};

constexpr std::string_view name_of(Decision::Kind kind) noexcept {
  switch (kind) {
    case Decision::Kind::added: return "added";
    case Decision::Kind::alias_set: return "alias set";
    case Decision::Kind::alias_deleted: return "alias deleted";
    case Decision::Kind::promoted: return "promoted";
    case Decision::Kind::rolled_back: return "rolled back";
    case Decision::Kind::removed: return "removed";
    case Decision::Kind::expired: return "expired";
  }
  return "?";
}

}  // namespace rtml
