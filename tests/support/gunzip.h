// Reads what drwatch packed, with zlib: another implementation than the program's.
#pragma once

#include <string>

namespace drwatch::testing {

// The text of exactly one gzip member, whose checksum and size are proven; a test failure and ""
// for anything else.
std::string Gunzip(const std::string& gzip);

}  // namespace drwatch::testing
