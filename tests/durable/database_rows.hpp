// What tests of the database put into it and read from it.
#pragma once

#include <map>
#include <string>

#include "durable/log_samples.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/database.hpp"

namespace rtml::testing {

using Rows = std::map<std::string, std::string>;

inline Rows rows_of(const Database::View& view, const Database::Table& table) {
  Rows rows;
  Database::Cursor cursor = view.cursor(table);
  while (cursor.next()) rows[as_text(cursor.key())] = as_text(cursor.value());
  return rows;
}

inline std::string random_text(Rng& rng, std::uint64_t shortest, std::uint64_t longest) {
  std::string text(static_cast<std::size_t>(shortest + rng.below(longest - shortest + 1)), ' ');
  for (char& c : text) c = static_cast<char>(rng.below(256));
  return text;
}

}  // namespace rtml::testing
