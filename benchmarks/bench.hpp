#pragma once

#include <CLI/CLI.hpp>

/// Each subcommand of rtml-bench is a file that adds itself: its options, and what runs when it was named.
namespace rtml_bench {

void add_stream(CLI::App& app);
void add_loop(CLI::App& app);
void add_sparse(CLI::App& app);
void add_linear(CLI::App& app);

}  // namespace rtml_bench
