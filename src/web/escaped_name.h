// Label names in paths, where not every character may stand.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::web {

// "U__a_2e_b" is "a.b", "U__a__b" is "a_b"; whatever is not such an escaped name comes back as it
// is. As Prometheus' clients write and its API reads them.
std::string UnescapeName(std::string_view name);

}  // namespace drwatch::web
