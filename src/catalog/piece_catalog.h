// Loose files some of which were cut into pieces (verify/split_pieces.h): the pieces of one file
// are one artefact, which has the name of the first.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/artefact_catalog.h"

namespace drwatch::catalog {

class PieceCatalog final : public ArtefactCatalog {
 public:
  // Numbered files may as well be a rotation (dump.01 of the first of the month, dump.02 ...):
  // pieces of one file are written one after the other, each within such a time.
  static constexpr base::Duration kWrittenWithin{10 * 60 * 1000};

  explicit PieceCatalog(std::unique_ptr<ArtefactCatalog> files) : files_(std::move(files)) {}

  // What `files` lists. While one piece is in progress all of them are.
  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;

 private:
  using Pieces = std::map<std::string, std::vector<Artefact>>;  // by the first one's path

  const std::unique_ptr<ArtefactCatalog> files_;
  std::mutex mutex_;  // of what List() writes and others read
  Pieces pieces_;
};

}  // namespace drwatch::catalog
