#pragma once

#include <cstdint>
#include <string>

namespace rtml::detail {

/// Checks the structure of an LMDB data file, which LMDB itself trusts: every page that the newest state reaches is there, is of its kind,
/// is reached once, and holds whole nodes in order; free pages are free. LMDB then finds its way in bounds, whatever the values hold.
/// O(pages) of branches and leaves, one bit of memory a page.
/// @throws FormatError that names the page; IoError.
void check_lmdb_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace rtml::detail
