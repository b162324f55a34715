#include "exporter/verify_repository.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "catalog/archive_check.h"
#include "catalog/backup_wal.h"
#include "catalog/repository.h"
#include "exporter/find_repository.h"

namespace drwatch::exporter {
namespace {

using verify::Outcome;
using verify::Verdict;

const base::Deadline kForever(base::SteadyTime::max());

std::string_view ProgramName(config::Repository kind) {
  switch (kind) {
    case config::Repository::kNone:
      return {};
    case config::Repository::kPgBackRest:
      return "pgBackRest";
    case config::Repository::kWalG:
      return "WAL-G";
    case config::Repository::kBarman:
      return "Barman";
  }
  return {};
}

// What is said of the stanza as a whole.
Verdict VerdictOf(const catalog::Listing& listing, const std::string& name) {
  Verdict verdict;
  if (listing.blind) {
    verdict.reason = listing.blind->reason;
    verdict.message = listing.blind->message;
    return verdict;
  }
  verdict.format = name + ", " + std::to_string(listing.complete.size()) + " complete, " +
                   std::to_string(listing.in_progress.size()) + " being made, " +
                   std::to_string(listing.failed.size()) + " failed";
  for (const catalog::Finding& finding : listing.findings) {
    verdict.details.push_back(finding.message);
  }
  for (const catalog::FailedAttempt& attempt : listing.failed) {
    verdict.details.push_back("failed: " + attempt.name + ": " + attempt.message);
  }
  for (const std::string& running : listing.in_progress) {
    verdict.details.push_back("being made: " + running);
  }
  if (listing.complete.empty()) {
    verdict.reason = model::Reason::kNotFound;
    verdict.message = "no complete backup";
    return verdict;
  }
  verdict.outcome = Outcome::kIntact;
  verdict.level = verify::Level::kContent;
  return verdict;
}

// What shows without reading counts as much as what reading shows.
Verdict WithDefect(const catalog::Artefact& artefact, Verdict verdict) {
  if (!artefact.defect || verdict.outcome == Outcome::kBroken) return verdict;
  verdict.outcome = Outcome::kBroken;
  verdict.reason = artefact.defect->reason;
  verdict.place.clear();
  verdict.message = artefact.defect->message;
  return verdict;
}

// The backups of one stanza and the archives that they name.
class StanzaJobs {
 public:
  StanzaJobs(catalog::Place& place, config::Repository kind, const std::string& stanza, int jobs,
             const std::string& label)
      : place_(place),
        jobs_(jobs),
        proven_(std::make_shared<catalog::ProvenFiles>()),
        catalog_(catalog::MakeRepositoryCatalog(kind, place, {stanza, base::Duration(0), proven_})),
        listing_(catalog_->List(base::SystemClock().Now(), kForever, {})) {
    std::string name(ProgramName(kind));
    if (!stanza.empty()) name += " " + base::Quote(stanza);
    if (label.empty()) AddStanza(stanza, name);
    bool listed = false;
    for (const catalog::Artefact& artefact : listing_.complete) {
      if (!label.empty() && artefact.name != label) continue;
      AddBackup(artefact);
      listed = true;
    }
    if (!label.empty() && !listed) AddUnlisted(label);
  }
  std::vector<VerifyJob> Take() { return std::move(all_); }

 private:
  // What is said of all of it.
  void AddStanza(const std::string& stanza, const std::string& name) {
    const Verdict summary = VerdictOf(listing_, name);
    const std::string path = place_.Describe() + (stanza.empty() ? "" : ": " + stanza);
    Add(path, 0, [summary](const verify::VerifyOptions&) { return summary; });
    AddArchives();
  }
  void AddBackup(const catalog::Artefact& artefact) {
    const std::int64_t bytes = artefact.facts ? artefact.facts->own_bytes : artefact.size_bytes;
    Add(artefact.path, bytes, [this, &artefact](const verify::VerifyOptions& options) {
      return WithDefect(artefact, catalog_->Verify(artefact, options));
    });
  }
  // A backup that is being made or was left behind, or of a stanza that cannot be listed.
  void AddUnlisted(const std::string& label) {
    Verdict verdict;
    verdict.reason = listing_.blind ? listing_.blind->reason : model::Reason::kNotFound;
    verdict.message =
        listing_.blind ? listing_.blind->message : "backup.info does not list it as finished";
    Add(place_.Describe() + ": " + label, 0,
        [verdict](const verify::VerifyOptions&) { return verdict; });
  }
  // Before the backups: what they need of the WAL is read once, in its own order.
  void AddArchives() {
    struct Archive {
      std::uint64_t system_identifier = 0;
      std::vector<catalog::WalBase> bases;
    };
    std::map<std::string, Archive> archives;
    for (const catalog::Artefact& artefact : listing_.complete) {
      if (artefact.facts && !artefact.facts->wal_folder.empty()) {
        Archive& archive = archives[artefact.facts->wal_folder];
        archive.system_identifier = artefact.facts->system_identifier;
        if (auto base = catalog::WalBaseOf(artefact)) archive.bases.push_back(*std::move(base));
      }
    }
    for (const auto& [folder, archive] : archives) {
      Add(place_.Describe() + "/" + folder.substr(0, folder.size() - 1), 0,
          [this, folder = folder, archive = archive](const verify::VerifyOptions& options) {
            return catalog::VerifyArchive(place_, folder, archive.system_identifier, *proven_,
                                          options, archive.bases, base::SystemClock().Now());
          });
    }
  }
  void Add(std::string path, std::int64_t bytes,
           std::function<Verdict(const verify::VerifyOptions&)> run) {
    all_.push_back({std::move(path), [bytes] { return bytes; },
                    [this, run = std::move(run)](verify::VerifyOptions options) {
                      options.jobs = jobs_;
                      options.reuse = base::Duration::max();
                      return run(options);
                    }});
  }

  catalog::Place& place_;
  const int jobs_;
  const std::shared_ptr<catalog::ProvenFiles> proven_;
  const std::unique_ptr<catalog::ArtefactCatalog> catalog_;
  const catalog::Listing listing_;
  std::vector<VerifyJob> all_;
};

}  // namespace

void VerifyRepository(const std::string& path, int jobs,
                      const std::function<void(const VerifiedPath&)>& done) {
  const auto found = FindRepository(path);
  if (!found) return;
  const auto place = catalog::MakeFolderPlace(found->path);
  std::vector<std::unique_ptr<StanzaJobs>> stanzas;
  std::vector<VerifyJob> all;
  for (const std::string& stanza : found->stanzas) {
    stanzas.push_back(
        std::make_unique<StanzaJobs>(*place, found->kind, stanza, jobs, found->label));
    for (VerifyJob& job : stanzas.back()->Take()) all.push_back(std::move(job));
  }
  RunVerifyJobs(all, 1, done);
}

}  // namespace drwatch::exporter
