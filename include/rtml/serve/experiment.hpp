#pragma once

#include <string>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/registry.hpp"
#include "rtml/serve/run.hpp"

namespace rtml::tracking {

/// Runs that belong together, in a folder that MLflow's file store opens (`mlflow ui --backend-store-uri FOLDER`; layout and field names as
/// of MLflow 2, which version 3 reads too). Several experiments, processes and MLflow itself may share the folder: each run writes its own.
///
///     tracking::Experiment experiment("mlruns", "payments");
///     tracking::Run run = experiment.start({.name = "nightly"});
///     run.log_param("learner", "logistic");
///     run.log_metric("log_loss", 0.31, step);
///     run.finish();
class RTML_API Experiment {
 public:
  /// The experiment of that name, made where it is missing. Its id follows from its name, so that every process that names it means the
  /// same one; one that MLflow made, whose id it drew, is found by its name, unless YAML folds or escapes that: then there are two.
  /// @throws ConfigError unless `folder` is given and `name` is UTF-8 of 1 to 500 bytes; IoError.
  Experiment(const std::string& folder, std::string name, const Clock& clock = system_now);

  /// @throws ConfigError, also when there is a run of that id; IoError.
  Run start() const { return start(Run::Options{}); }
  Run start(const Run::Options& options) const;

  const std::string& id() const noexcept { return id_; }
  const std::string& name() const noexcept { return name_; }

 private:
  std::string folder_;  // absolute
  std::string name_;
  std::string id_;
};

/// Shows a registry in the same folder as the registered model `name`: versions with their lineage as tags, and aliases. What the folder
/// said of that model before is replaced, whichever registry it was of; tags that others added stay. Models stay where the registry has them. O(versions) files.
/// @throws ConfigError unless `folder` is given and `name` is a key without `/`, of no model that others made; IoError.
RTML_API void export_models(const Registry& registry, const std::string& folder, std::string_view name);

}  // namespace rtml::tracking
