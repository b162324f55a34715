// `drwatch verify --wal DIR`: a WAL archive as a whole.
#pragma once

#include <string>
#include <vector>

#include "catalog/wal_holdings.h"

namespace drwatch::exporter {

struct WalReport {
  int exit_code = 3;  // as VerifyOptions: 0 intact, 2 broken, 3 cannot be judged
  std::string text;
  std::string json;
  catalog::WalHoldings holdings;  // without the segments that are damaged
};

// Reads every segment below `folder`: gaps, timelines, damages, the last commit.
WalReport VerifyWalFolder(const std::string& folder);

// Which segments are missing between those of `folder`, a line for each gap. No segment is read.
std::vector<std::string> MissingWal(const std::string& folder);

}  // namespace drwatch::exporter
