// Which artefacts exist in a bucket, which of them are complete, and how old each is: what
// FolderCatalog says of a folder.
//
// An object appears whole or not at all, so that a single one is complete at once. Those that make
// a base backup or a pg_dump folder together arrive one by one: they are complete once nothing has
// changed for quiet_time and the parts that it needs are there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact_catalog.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "config/local_clock.h"
#include "verify/checksum_list.h"
#include "verify/file_set.h"

namespace drwatch::catalog {

struct PlaceOptions {
  std::string pattern = "*";  // as FolderOptions
  bool recursive = false;
  bool into_dated_folders = false;  // as FolderOptions
  base::Duration quiet_time{60'000};
  config::LocalClock clock = nullptr;  // as FolderOptions
  bool every_file = false;             // as FolderOptions
};

// What one look remembers for the next one.
struct PlaceCache {
  // A checksum file, read again when it changed.
  struct Text {
    std::uint64_t fingerprint = 0;
    std::string text;
  };
  // What the checksum files of one folder say.
  struct Sums {
    std::uint64_t fingerprint = 0;
    std::shared_ptr<const verify::ChecksumFolder> folder;
  };
  // The objects below a folder, listed again from time to time once they have settled.
  struct Folder {
    base::Timestamp listed{};
    std::vector<PlaceObject> objects;
  };
  // What an artefact says of its own time.
  struct ContentTime {
    std::uint64_t fingerprint = 0;
    std::optional<base::Timestamp> time;
  };
  std::map<std::string, Text> texts;  // by object
  std::map<std::string, Sums> sums;   // by folder: "", "a/b/"
  std::map<std::string, Folder> folders;
  std::map<std::string, ContentTime> times;  // by artefact
};

class PlaceCatalog final : public ArtefactCatalog {
 public:
  // Most objects of a place; more is blind with kLimit.
  static constexpr std::int64_t kMaxObjects = 1'000'000;
  // A place of more objects is listed again only after kLargeEvery, because each thousand of them
  // costs a request.
  static constexpr std::size_t kLargePlace = 20'000;
  static constexpr base::Duration kLargeEvery{10 * 60 * 1000};
  // The same holds for folders that have not changed for so long.
  static constexpr base::Duration kSettledAfter{3600 * 1000};

  // `place` outlives this.
  PlaceCatalog(Place& place, PlaceOptions options);

  // A place that is itself a base backup is one artefact.
  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;
  ArtefactTimes Times(const Artefact& artefact) override;

 private:
  tl::expected<void, Finding> ListObjects(base::Timestamp now, const PlaceContext& context);
  tl::expected<void, Finding> ListFolder(const std::string& folder, base::Timestamp now,
                                         const PlaceContext& context);
  verify::Walked<verify::OpenedFile> OpenPiece(const std::string& name, verify::ReadBudget& budget);
  std::shared_ptr<const verify::ChecksumFolder> SumsOf(const std::string& folder) const;

  Place& place_;
  const PlaceOptions options_;
  std::vector<PlaceObject> objects_;  // of the last listing, in the order of names
  FoldersLeftOut not_listed_;         // then, because the pattern is not about them
  base::Timestamp listed_{};
  ProvenFiles proven_;
  PlaceCache cache_;          // its `sums` under the mutex
  mutable std::mutex mutex_;  // Verify() reads the sums beside a List()
};

}  // namespace drwatch::catalog
