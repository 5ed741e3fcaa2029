// Versions of a model: registered with their lineage, served without a pause, taken back in one step, and shown in MLflow's UI.

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  std::filesystem::remove_all("registry-example");
  const tracking::Experiment experiment("registry-example/mlruns", "payments");
  Registry registry("registry-example/models");
  const Schema schema = Schema::numeric(3);

  // Trains on its part of a stream, tracks the training, and registers what came of it.
  const auto train = [&](std::uint64_t first, float sign) {
    tracking::Run run = experiment.start({.name = "from-" + std::to_string(first)});
    run.log_param("learner", "logistic");
    AnyLearner model = make_learner("logistic");
    model.bind(schema);
    Rng rng(first + 1);
    double loss = 0.0;
    for (std::uint64_t i = 0; i < 5000; ++i) {
      const std::vector<float> x{static_cast<float>(rng.normal()), static_cast<float>(rng.normal()), 1.0F};
      const float y = sign * x[0] > 0.0F ? 1.0F : 0.0F;
      float before = 0.0F;
      model.learn({x, {}}, y, 1.0F, {&before, 1});
      loss = 0.999 * loss + 0.001 * metrics::LogLoss::of(Outcome::binary(before, y), true);
      run.log_metric("log_loss", loss, static_cast<std::int64_t>(i));
    }
    run.finish();
    return registry.add(model, {.offsets = {{0, first, first + 5000}}, .rows = 5000, .metrics = {{"log_loss", loss}}, .run_id = run.id()});
  };

  const std::uint64_t good = train(0, 1.0F);
  registry.promote(good, "the first");
  ModelSlot slot(registry, schema, good);  // any thread: slot.read()->model.predict(...)

  const std::uint64_t bad = train(5000, -1.0F);  // labels were turned around
  slot.serve(bad);                               // read, verified, warmed up, and only then shown
  registry.promote(bad, "newer data", {{"log_loss", registry.find(bad)->lineage.metrics[0].value}});

  // Recent labelled rows tell; the way back reads no file.
  const std::vector<float> x{1.0F, 0.0F, 1.0F};
  const std::vector<Example> recent{{.x = {x, {}}, .y = 1.0F}};
  const std::uint64_t best = registry.best_fit(recent, schema)[0].version;
  slot.rollback();
  registry.rollback(fmt::format("version {} fits recent rows better", best));
  tracking::export_models(registry, "registry-example/mlruns", "payments");  // mlflow ui --backend-store-uri registry-example/mlruns

  for (const Decision& decision : registry.decisions())
    fmt::print("{:<12} {} -> {}  {}\n", name_of(decision.kind), decision.from, decision.to, decision.reason);
  const bool is_back = best == good && slot.read()->version.number == good && registry.find(Registry::champion)->number == good;
  return is_back ? 0 : 1;
}
