// rtml-bench: figures, beside the peer or the limit.

#include <cstdio>
#include <exception>
#include <string>

#include "bench.hpp"
#include "rtml/core/error.hpp"

namespace {

/// What a script looks for: one line that names what is wrong.
int refuse(const std::string& what) {
  std::fprintf(stderr, "rtml-bench: %s\n", what.substr(0, what.find('\n')).c_str());
  return 2;
}

std::string subcommands_of(const CLI::App& app) {
  std::string names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); }))
    names += (names.empty() ? "" : ", ") + subcommand->get_name();
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Figures of rtml, one subcommand each: rtml-bench SUBCOMMAND --help");
  app.name("rtml-bench");
  rtml_bench::add_stream(app);
  rtml_bench::add_strategies(app);
  rtml_bench::add_loop(app);
  rtml_bench::add_soak(app);
  rtml_bench::add_sparse(app);
  rtml_bench::add_score(app);
  rtml_bench::add_swap(app);
  rtml_bench::add_linear(app);
  rtml_bench::add_features(app);
  rtml_bench::add_monitor(app);
  rtml_bench::add_drift(app);
  rtml_bench::add_drift_delay(app);
  rtml_bench::add_distance(app);
  rtml_bench::add_versions(app);
  rtml_bench::add_forgetting(app);
  rtml_bench::add_checkpoint(app);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) return refuse("a subcommand is needed, one of " + subcommands_of(app));
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  } catch (const rtml::Error& error) {
    return refuse(error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rtml-bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
