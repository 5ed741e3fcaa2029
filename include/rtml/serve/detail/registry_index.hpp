#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/serve/decision.hpp"
#include "rtml/serve/model_version.hpp"

namespace rtml::detail {

/// All of a registry but the models: what must change in one step.
struct RegistryIndex {
  struct Alias {
    std::string name;
    std::uint64_t version = 0;
    Time since{};

    friend bool operator==(const Alias&, const Alias&) = default;

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.name, self.version, self.since);
      ar.check(is_alias(self.name), "alias");
    }
  };

  static constexpr std::size_t most = std::size_t{1} << 20U;  // versions, decisions
  static constexpr std::size_t most_aliases = 1000;
  static constexpr std::uint64_t last = std::uint64_t{1} << 62U;  // next number

  std::uint64_t next = 1;              // number of the next version
  std::vector<ModelVersion> versions;  // ascending
  std::vector<Alias> aliases;          // by name
  std::vector<std::uint64_t> before;   // champions before this one, oldest first
  std::vector<Decision> decisions;     // oldest first

  const ModelVersion* find(std::uint64_t number) const noexcept {
    const auto at = std::lower_bound(versions.begin(), versions.end(), number,
                                     [](const ModelVersion& version, std::uint64_t sought) { return version.number < sought; });
    return at != versions.end() && at->number == number ? &*at : nullptr;
  }

  const Alias* find(std::string_view alias) const noexcept {
    const auto at = std::find_if(aliases.begin(), aliases.end(), [&](const Alias& each) { return each.name == alias; });
    return at == aliases.end() ? nullptr : &*at;
  }

  /// An alias that points to a version, or nullptr.
  const Alias* alias_of(std::uint64_t number) const noexcept {
    const auto at = std::find_if(aliases.begin(), aliases.end(), [&](const Alias& each) { return each.version == number; });
    return at == aliases.end() ? nullptr : &*at;
  }

  bool is_rollback_target(std::uint64_t number) const noexcept { return std::find(before.begin(), before.end(), number) != before.end(); }

  /// What is behind the object.
  std::size_t memory_bytes() const noexcept {
    const auto of_figures = [](const std::vector<Figure>& figures) {
      std::size_t bytes = figures.capacity() * sizeof(Figure);
      for (const Figure& figure : figures) bytes += figure.name.capacity();
      return bytes;
    };
    std::size_t bytes = versions.capacity() * sizeof(ModelVersion) + aliases.capacity() * sizeof(Alias) +
                        before.capacity() * sizeof(std::uint64_t) + decisions.capacity() * sizeof(Decision);
    for (const ModelVersion& version : versions) {
      const Lineage& lineage = version.lineage;
      bytes += version.name.capacity() + version.learner.capacity() + lineage.feature_set.capacity() + lineage.run_id.capacity() +
               lineage.offsets.capacity() * sizeof(Lineage::Offsets) + lineage.params.capacity() * sizeof(Lineage::Parameter) +
               of_figures(lineage.metrics);
      for (const Lineage::Parameter& param : lineage.params) bytes += param.name.capacity() + param.value.capacity();
    }
    for (const Alias& alias : aliases) bytes += alias.name.capacity();
    for (const Decision& decision : decisions)
      bytes += decision.alias.capacity() + decision.reason.capacity() + of_figures(decision.figures);
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Registry", 1);
    ar(self.next, self.versions, self.aliases, self.before, self.decisions);
    ar.check(self.next >= 1 && self.next <= last, "next number");
    ar.check(self.versions.size() <= most && self.decisions.size() <= most, "number of entries");
    ar.check(self.aliases.size() <= most_aliases && self.before.size() <= most_aliases, "number of aliases");
    if constexpr (Ar::reading) {
      const auto is_out_of_order = [](const ModelVersion& a, const ModelVersion& b) { return a.number >= b.number; };
      ar.check(std::adjacent_find(self.versions.begin(), self.versions.end(), is_out_of_order) == self.versions.end() &&
                   (self.versions.empty() || self.versions.back().number < self.next),
               "order of versions");
      const auto is_unsorted = [](const Alias& a, const Alias& b) { return a.name >= b.name; };
      ar.check(std::adjacent_find(self.aliases.begin(), self.aliases.end(), is_unsorted) == self.aliases.end(), "order of aliases");
      for (const Alias& alias : self.aliases) ar.check(self.find(alias.version) != nullptr, "version of an alias");
      for (const std::uint64_t number : self.before) ar.check(self.find(number) != nullptr, "version before");
    }
  }
};

}  // namespace rtml::detail
