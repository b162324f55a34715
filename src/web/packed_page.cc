#include "web/packed_page.h"

#include <utility>

namespace drwatch::web {

std::string PackedPage::Make(const WritePieces& write) {
  const std::lock_guard lock(mutex_);
  std::unordered_map<std::string, Piece> packed;
  std::vector<Piece> page;
  const auto known = [this](const std::string& key) { return packed_.contains(key); };
  for (model::MetricsPage::Piece& piece : write(known)) {
    const auto before = packed_.find(piece.key);
    page.push_back(before != packed_.end()
                       ? before->second
                       : std::make_shared<const net::PackedPiece>(net::PackPiece(piece.text)));
    if (!piece.key.empty()) packed.emplace(std::move(piece.key), page.back());
  }
  packed_ = std::move(packed);
  return net::JoinPieces(page);
}

}  // namespace drwatch::web
