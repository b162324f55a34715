// What walking a format to its end found. One function a format fills it.
#pragma once

#include <string>
#include <vector>

#include "verify/source.h"
#include "verify/verdict.h"

namespace drwatch::verify {

struct Walk {
  std::string format;  // "tar archive", "pg_dump custom archive 1.14"
  // kContent if every byte of content was checked against a checksum the format carries.
  Level level = Level::kFormat;
  std::vector<std::string> details;
};

}  // namespace drwatch::verify
