#pragma once

#include <cstddef>
#include <string>

#include "rtml/serve/detail/names.hpp"

namespace rtml {

/// A number by name: a metric of a version, or what a decision was based on. `name` is a key as MLflow's are ("test/log_loss").
struct Figure {
  std::string name;
  double value = 0.0;

  static constexpr std::size_t most = 1000;  ///< of one version or decision

  friend bool operator==(const Figure&, const Figure&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.value);
    ar.check(detail::is_key(self.name), "name of a figure");
  }
};

}  // namespace rtml
