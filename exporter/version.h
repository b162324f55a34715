// Which drwatch this is.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::exporter {

std::string_view Version();   // "0.1.0"
std::string_view Revision();  // the commit it was built from, or "unknown"
// What --version prints: "drwatch, version 0.1.0 (revision: 1234abcd)".
std::string VersionText();

}  // namespace drwatch::exporter
