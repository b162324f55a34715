// Loose files some of which were cut into pieces (verify/split_pieces.h): the pieces of one file
// are one artefact, which has the name of the first.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact_catalog.h"

namespace drwatch::catalog {

class PieceCatalog final : public ArtefactCatalog {
 public:
  // Numbered files may as well be a rotation (dump.01 of the first of the month, dump.02 ...):
  // pieces of one file are written one after the other, each within such a time.
  static constexpr base::Duration kWrittenWithin{10 * 60 * 1000};

  // The first bytes of a file that `files` lists, verify::kHeadBytes or all. nullopt: they cannot
  // be read. Called by List().
  using ReadHead = std::function<std::optional<std::string>(
      const Artefact& artefact, base::Deadline deadline, const base::StopToken& stop)>;

  PieceCatalog(std::unique_ptr<ArtefactCatalog> files, ReadHead read_head)
      : files_(std::move(files)), read_head_(std::move(read_head)) {}

  // What `files` lists. While one piece is in progress all of them are. Files the second of which
  // begins as one of its own are no pieces.
  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;
  ArtefactTimes Times(const Artefact& artefact) override;

 private:
  std::vector<Artefact> PiecesOf(const Artefact& artefact);
  using Pieces = std::map<std::string, std::vector<Artefact>>;  // by the first one's path
  // Whether the second of two files begins as one of its own; read again when one of them changed.
  struct Beginning {
    std::uint64_t fingerprint = 0;  // of both
    bool anew = false;
  };

  void AddMismatches(verify::Verdict& whole, const std::vector<Artefact>& pieces,
                     const verify::VerifyOptions& options);
  void DropWholeFiles(Pieces& sets, base::Deadline deadline, const base::StopToken& stop);

  const std::unique_ptr<ArtefactCatalog> files_;
  const ReadHead read_head_;
  std::map<std::string, Beginning> beginnings_;  // by the first one's path; of List()
  std::mutex mutex_;                             // of what List() writes and others read
  Pieces pieces_;
};

}  // namespace drwatch::catalog
