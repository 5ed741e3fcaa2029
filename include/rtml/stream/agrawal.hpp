#pragma once

#include <array>

#include "rtml/core/export.hpp"
#include "rtml/stream/java_random.hpp"

namespace rtml::stream {

/// Loan applicants of nine attributes, labelled by one of ten functions before their numbers are perturbed; label 0 is the paper's group A.
/// The rows of MOA's AgrawalGenerator, bit for bit.
/// Source: R. Agrawal, T. Imielinski, A. Swami, "Database mining: a performance perspective", IEEE TKDE 5 (1993), 914-925.
class Agrawal {
 public:
  struct Options {
    int function = 1;            ///< in [1, 10]
    double perturbation = 0.05;  ///< of a number's range, in [0, 1]
    std::int64_t seed = 1;       ///< of java.util.Random
  };

  struct Example {
    std::array<double, 9> x{};  ///< salary, commission, age, level of education, car, zip code, value and years of the house, loan
    int y = 0;
  };

  /// The names of x, in order; columns 3, 4 and 5 are nominal.
  static constexpr std::array<const char*, 9> attributes{"salary",  "commission", "age",    "elevel", "car",
                                                         "zipcode", "hvalue",     "hyears", "loan"};
  static constexpr bool is_nominal(std::size_t attribute) noexcept { return attribute >= 3 && attribute <= 5; }

  Agrawal() : Agrawal(Options{}) {}

  /// @throws ConfigError
  RTML_API explicit Agrawal(const Options& options);

  RTML_API Example next() noexcept;

  /// What functions 7 and 8 take for the cost of living, 20,000 in the paper: moves the concept for incremental drift.
  void set_living_cost(double cost) noexcept { living_cost_ = cost; }

 private:
  double perturbed(double value, double range, double least, double most) noexcept;

  Options options_;
  double living_cost_ = 20'000.0;
  JavaRandom random_;
};

}  // namespace rtml::stream
