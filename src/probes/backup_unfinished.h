// Which of the artefacts that a look found are not finished yet: those that have just changed, and
// those that end half-way and may be written on, or whose checksum file is to come yet.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "catalog/artefact_catalog.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"
#include "probes/backup_verifier.h"
#include "probes/probe.h"

namespace drwatch::probes {

// One backup probe's. One thread.
class UnfinishedBackups {
 public:
  // All outlive this.
  UnfinishedBackups(const config::BackupProbe& spec, catalog::ArtefactCatalog& catalog,
                    BackupVerdicts& verdicts, BackupVerifier& verifier)
      : spec_(spec), catalog_(catalog), verdicts_(verdicts), verifier_(verifier) {}

  // Reads small recent artefacts and moves those that need no more waiting to the complete ones.
  // One that is only half there leaves no verdict: it may be about to replace the one that was
  // judged under its name.
  void ConfirmRecent(catalog::Listing& listing, const RunContext& context);
  // Moves the newest complete ones that may be unfinished, or whose checksum file may be, to those
  // in progress, unless nothing good is left to stand in for them.
  void HoldBack(catalog::Listing& listing, base::Timestamp now);
  // True for one that was what checksum files said of it, and of which they say something else for
  // a short time now, or for as long as what they name is arriving: they came before the one that
  // is to replace it. It is not to be read.
  bool IsListedAnew(const catalog::Artefact& artefact, base::Timestamp now);

 private:
  // When the last of its pieces came to lie there.
  struct Arrival {
    std::int64_t size_bytes = 0;
    base::Timestamp modified{};
    base::Timestamp at{};
  };

  void AwaitLists(catalog::Listing& listing, base::Timestamp now) const;
  bool IsOverwritten(const catalog::Artefact& artefact, base::Timestamp now) const;
  bool HasOlderList(const catalog::Artefact& artefact) const;
  bool IsArriving(const catalog::Artefact& artefact, base::Timestamp now) const;
  bool AwaitsChecksum(const catalog::Artefact& artefact, base::Timestamp now) const;
  bool StandsFor(const catalog::Artefact& before) const;
  bool MayBeUnfinished(const catalog::Artefact& artefact, base::Timestamp now);
  base::Timestamp ArrivalOf(const catalog::Artefact& pieces, base::Timestamp now);

  const config::BackupProbe& spec_;
  catalog::ArtefactCatalog& catalog_;
  BackupVerdicts& verdicts_;
  BackupVerifier& verifier_;
  // What was recent in the last run, by path.
  struct RecentLook {
    std::uint64_t fingerprint = 0;
    bool read = false;
  };
  std::map<std::string, RecentLook> looks_;
  // Of those that the last run took for unfinished pieces, and of those that this one does.
  std::map<std::string, Arrival> arrivals_, next_arrivals_;
  // When those that are listed anew were seen to be; by path, of the last run and of this one.
  std::map<std::string, base::Timestamp> listed_anew_, next_listed_anew_;
};

}  // namespace drwatch::probes
