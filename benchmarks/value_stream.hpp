#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/row.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml::stream {
class Source;
}

namespace rtml_bench {

/// Where a stream of values changes: no value before `begin` is of the new kind, and from `end` on all are.
struct ChangePoint {
  std::uint64_t begin = 0;  ///< 0-based
  std::uint64_t end = 0;
};

/// Values in order, one after the other, and what is known of them.
struct ValueStream {
  std::vector<double> values;
  std::vector<ChangePoint> changes;
  bool truth_known = false;  ///< `changes` are all there are
};

/// One number a line; blank lines, a byte order mark and carriage returns are left out, "nan" is a missing value.
/// @throws IoError, or FormatError that names the line.
std::vector<double> read_values(const std::string& path);

/// A made stream by name, `NAME[:k=v,...]`: `bernoulli` (`rate`, `shift`) and `gaussian` (`shift`), with `n`, `seed` and
/// `drift=abrupt|gradual|incremental|recurring|none`; or one of make_stream, of which the values are the errors (0 or 1) that `learner`
/// makes predicting each row before it learns from it. The seed is `seed`; one in the name is refused.
/// @throws ConfigError
ValueStream make_values(const std::string& specification, const std::string& learner, std::uint64_t seed);

/// The columns of a source as features: numbers as they are, or standardised as they come; all else hashed.
rtml::FeatureSet<rtml::Row> features_of(const rtml::stream::Source& source, bool scale);

}  // namespace rtml_bench
