#include "rtml/version.hpp"

namespace rtml {

std::string_view linked_version() noexcept { return version; }

}  // namespace rtml
