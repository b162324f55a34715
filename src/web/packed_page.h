// A page in gzip for one reader after the other: what stayed as it was is not packed again.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/metrics_page.h"
#include "net/gzip.h"

namespace drwatch::web {

// Thread-safe; one page is made at a time, so that readers who come together share the work. Holds
// the packed pieces of the last page, and nothing else.
class PackedPage {
 public:
  using WritePieces =
      std::function<std::vector<model::MetricsPage::Piece>(const model::MetricsPage::Known& known)>;
  // The whole page, packed. `write` is called once; all its pages must come from one MetricsPage.
  std::string Make(const WritePieces& write);

 private:
  using Piece = std::shared_ptr<const net::PackedPiece>;
  std::mutex mutex_;
  std::unordered_map<std::string, Piece> packed_;
};

}  // namespace drwatch::web
