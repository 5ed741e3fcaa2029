#include "rtml/stream/agrawal.hpp"

#include <algorithm>
#include <cmath>

#include "rtml/core/error.hpp"

namespace rtml::stream {

namespace {

struct Applicant {
  double salary = 0.0;
  double commission = 0.0;
  int age = 0;
  int education = 0;
  int house_years = 0;
  double house_value = 0.0;
  double loan = 0.0;

  /// Under 40, under 60, or older.
  std::size_t generation() const noexcept { return age < 40 ? 0 : age < 60 ? 1 : 2; }
};

struct Band {
  double low;
  double high;
  bool holds(double value) const noexcept { return low <= value && value <= high; }
};

// Of each generation, in the paper's thousands.
constexpr Band middle_income[3] = {{50e3, 100e3}, {75e3, 125e3}, {25e3, 75e3}};
constexpr Band educated_income[3] = {{25e3, 75e3}, {50e3, 100e3}, {50e3, 100e3}};
constexpr Band loan_of_middle_income[3] = {{100e3, 300e3}, {200e3, 400e3}, {300e3, 500e3}};
constexpr Band loan_of_others[3] = {{200e3, 400e3}, {300e3, 500e3}, {100e3, 300e3}};
constexpr int education_from[3] = {0, 1, 2};
constexpr int education_to[3] = {1, 3, 4};

bool has_education(const Applicant& who) noexcept {
  const std::size_t g = who.generation();
  return who.education >= education_from[g] && who.education <= education_to[g];
}

bool is_group_a(int function, const Applicant& who, double living_cost) noexcept {
  const std::size_t g = who.generation();
  const double income = 2.0 * (who.salary + who.commission) / 3.0;
  switch (function) {
    case 1: return g != 1;
    case 2: return middle_income[g].holds(who.salary);
    case 3: return has_education(who);
    case 4: return (has_education(who) ? educated_income : middle_income)[g].holds(who.salary);
    case 5: return (middle_income[g].holds(who.salary) ? loan_of_middle_income : loan_of_others)[g].holds(who.loan);
    case 6: return middle_income[g].holds(who.salary + who.commission);
    case 7: return income - who.loan / 5.0 - living_cost > 0.0;
    case 8: return income - 5000.0 * who.education - living_cost > 0.0;
    case 9: return income - 5000.0 * who.education - who.loan / 5.0 - 10'000.0 > 0.0;
    default: break;
  }
  const double equity = who.house_years >= 20 ? who.house_value * (who.house_years - 20.0) / 10.0 : 0.0;
  return income - 5000.0 * who.education + equity / 5.0 - 10'000.0 > 0.0;
}

}  // namespace

Agrawal::Agrawal(const Options& options) : options_(options), random_(options.seed) {
  require("Agrawal", "function", options.function, options.function >= 1 && options.function <= 10, "in [1, 10]");
  require("Agrawal", "perturbation", options.perturbation, options.perturbation >= 0.0 && options.perturbation <= 1.0, "in [0, 1]");
}

Agrawal::Example Agrawal::next() noexcept {
  Applicant who;  // the order of draws is MOA's
  who.salary = 20'000.0 + 130'000.0 * random_.next_double();
  who.commission = who.salary >= 75'000.0 ? 0.0 : 10'000.0 + 65'000.0 * random_.next_double();
  who.age = 20 + random_.next_int(61);
  who.education = random_.next_int(5);
  const int car = random_.next_int(20);
  const int zip_code = random_.next_int(9);
  const double house_range = (9.0 - zip_code) * 100'000.0;
  who.house_value = house_range * (0.5 + random_.next_double());
  who.house_years = 1 + random_.next_int(30);
  who.loan = random_.next_double() * 500'000.0;
  const int y = is_group_a(options_.function, who, living_cost_) ? 0 : 1;

  double age = who.age;
  double house_years = who.house_years;
  if (options_.perturbation > 0.0) {
    who.salary = perturbed(who.salary, 130'000.0, 20'000.0, 150'000.0);
    if (who.commission > 0.0) who.commission = perturbed(who.commission, 65'000.0, 10'000.0, 75'000.0);
    age = std::floor(perturbed(age, 60.0, 20.0, 80.0) + 0.5);
    who.house_value = perturbed(who.house_value, house_range, 0.0, 135'000.0);  // MOA's bound, below most values
    house_years = std::floor(perturbed(house_years, 29.0, 1.0, 30.0) + 0.5);
    who.loan = perturbed(who.loan, 500'000.0, 0.0, 500'000.0);
  }
  return {{who.salary, who.commission, age, static_cast<double>(who.education), static_cast<double>(car), static_cast<double>(zip_code),
           who.house_value, house_years, who.loan},
          y};
}

double Agrawal::perturbed(double value, double range, double least, double most) noexcept {
  value += range * (2.0 * (random_.next_double() - 0.5)) * options_.perturbation;
  return std::clamp(value, least, most);
}

}  // namespace rtml::stream
