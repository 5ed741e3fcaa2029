#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/figure.hpp"

namespace rtml {

/// Where a version came from: which data, which features, which version before, with which parameters and what result.
struct RTML_API Lineage {
  struct Parameter {
    std::string name;   ///< a key as MLflow's are
    std::string value;  ///< UTF-8, at most 6000 bytes

    friend bool operator==(const Parameter&, const Parameter&) = default;

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.name, self.value);
      ar.check(detail::is_key(self.name) && self.value.size() <= detail::most_param_bytes, "parameter");
    }
  };

  /// [begin, end) of one partition of the stream.
  struct Offsets {
    std::uint32_t partition = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    friend bool operator==(const Offsets&, const Offsets&) = default;

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.partition, self.begin, self.end);
      ar.check(self.begin <= self.end, "offsets");
    }
  };

  static constexpr std::size_t most = 1000;  ///< parameters, ranges of offsets

  Time from{};                         ///< event time of the first row learned from
  Time to{};                           ///< of the last
  std::vector<Offsets> offsets = {};   ///< of the rows, by partition
  std::uint64_t rows = 0;              ///< learned from
  std::string feature_set = {};        ///< its name, UTF-8, at most 250 bytes
  std::uint64_t schema = 0;            ///< its fingerprint; the registry writes it
  std::uint64_t parent = 0;            ///< the version that training started from; 0 = none
  std::vector<Parameter> params = {};  ///< each name once
  std::vector<Figure> metrics = {};    ///< each name once
  std::string run_id = {};             ///< of the run that tracked the training (tracking::Run::id), or empty

  /// @throws ConfigError
  void validate() const;

  friend bool operator==(const Lineage&, const Lineage&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Lineage", 1);
    ar(self.from, self.to, self.offsets, self.rows, self.feature_set, self.schema, self.parent, self.params, self.metrics, self.run_id);
    ar.check(self.from <= self.to, "event time");
    ar.check(self.offsets.size() <= most && self.params.size() <= most && self.metrics.size() <= Figure::most, "number of entries");
    ar.check(self.feature_set.size() <= detail::most_key_bytes && self.run_id.size() <= detail::most_key_bytes, "names");
  }
};

}  // namespace rtml
