// rtml-bench distance: how far apart two samples are, one value a line each.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/distance.hpp"
#include "value_stream.hpp"

namespace rtml_bench {
namespace distance_bench {
namespace {

struct Options {
  std::string reference;
  std::string current;
  std::string method;
  bool json = false;
};

void run(const Options& options) {
  if (options.reference.empty() || options.current.empty())
    rtml::raise(rtml::ConfigError("--reference F and --current F are needed, both"));
  if (options.method.empty()) rtml::raise(rtml::ConfigError("--method NAME is needed"));
  const auto found = rtml::drift::measure(rtml::Spec(options.method), read_values(options.reference), read_values(options.current));
  const auto number = [](double value) { return rtml::is_finite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(); };
  if (options.json) {
    const nlohmann::ordered_json report{
        {"statistic", number(found.statistic)}, {"p_value", number(found.p_value)}, {"effect", number(found.effect)}};
    fmt::print("{}\n", report.dump());
  } else {
    fmt::print("{}\nstatistic {:.6g}\np-value   {:.6g}\neffect    {:.6g}\n", options.method, found.statistic, found.p_value, found.effect);
  }
}

}  // namespace
}  // namespace distance_bench

void add_distance(CLI::App& app) {
  using namespace distance_bench;
  auto options = std::make_shared<Options>();
  std::string names;
  for (const std::string_view name : rtml::drift::distance_names()) names.append(names.empty() ? "" : ", ").append(name);
  CLI::App* distance = app.add_subcommand("distance", "How far apart two samples are: statistic, p-value and size of the effect");
  distance->add_option("--reference", options->reference, "File of one number a line");
  distance->add_option("--current", options->current, "File of one number a line");
  distance->add_option("--method", options->method, "NAME[:k=v,...]: " + names);
  distance->add_flag("--json", options->json, "Print one JSON object and nothing else");
  distance->callback([options] { run(*options); });
}

}  // namespace rtml_bench
