#include "exporter/verify_chain.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/strings.h"

namespace drwatch::exporter {
namespace {

using model::Reason;
using verify::BackupOrigin;
using verify::Outcome;

void Spoil(verify::Verdict& verdict, Outcome outcome, Reason reason, std::string message) {
  verdict.outcome = outcome;
  verdict.reason = reason;
  verdict.place.clear();
  verdict.message = std::move(message);
  verdict.needs_wal = {};
}

}  // namespace

VerifyChain::VerifyChain(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const std::size_t before = backups_.size();
    Add(path, path);
    if (backups_.size() > before) continue;
    std::error_code error;
    std::filesystem::directory_iterator at(path, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      if (at->is_directory(error)) Add(path, at->path().string());
    }
  }
}

void VerifyChain::Add(const std::string& path, const std::string& name) {
  std::error_code error;
  if (!std::filesystem::is_directory(name, error)) return;
  const verify::VerifyOptions options;
  verify::ReadBudget budget(options);
  const auto origin = verify::ReadBackupOrigin(verify::FolderFiles(name), budget);
  if (origin && *origin) backups_.push_back({path, name, **origin});
}

bool VerifyChain::IsIncremental(const std::string& path) const {
  return std::any_of(backups_.begin(), backups_.end(), [&path](const Known& backup) {
    return backup.path == path && backup.origin.parent;
  });
}

void VerifyChain::Note(const VerifiedPath& one) { verdicts_[one.path] = one.verdict; }

void VerifyChain::Sort(std::vector<VerifiedPath>& waiting) const {
  const auto start = [this](const VerifiedPath& one) {
    verify::Lsn latest = 0;
    for (const Known& backup : backups_) {
      if (backup.path == one.path) latest = std::max(latest, backup.origin.own.start);
    }
    return latest;
  };
  std::stable_sort(waiting.begin(), waiting.end(),
                   [&](const auto& a, const auto& b) { return start(a) < start(b); });
}

const VerifyChain::Known* VerifyChain::ParentOf(const Known& backup) const {
  const Known* found = nullptr;
  for (const Known& other : backups_) {
    if (other.origin.own != *backup.origin.parent) continue;
    const auto verdict = verdicts_.find(other.path);
    const bool good = verdict != verdicts_.end() && verdict->second.outcome == Outcome::kIntact;
    if (found == nullptr || good) found = &other;
  }
  return found;
}

VerifiedPath VerifyChain::Judge(VerifiedPath one) const {
  for (const Known& backup : backups_) {
    const bool open = one.verdict.outcome == Outcome::kIntact || !one.verdict.needs_wal.empty();
    if (open && backup.path == one.path && backup.origin.parent) JudgeOne(backup, one);
  }
  return one;
}

void VerifyChain::JudgeOne(const Known& backup, VerifiedPath& one) const {
  const std::string what =
      backup.name == one.path ? "incremental: " : base::Quote(backup.name) + " is incremental: ";
  const Known* const parent = ParentOf(backup);
  if (parent == nullptr) {
    return Spoil(one.verdict, Outcome::kBroken, Reason::kIncomplete,
                 what +
                     "it cannot be restored by itself, only with the backup that it was made "
                     "upon, which " +
                     BackupOrigin::Describe(*backup.origin.parent) +
                     " and is not among what is verified here");
  }
  if (parent->path == one.path) return;  // both are judged by the same verdict
  const auto found = verdicts_.find(parent->path);
  const verify::Verdict verdict = found != verdicts_.end() ? found->second : verify::Verdict();
  // What lacks nothing but WAL will do: that is the newest one's.
  if (verdict.outcome == Outcome::kIntact || !verdict.needs_wal.empty()) {
    one.verdict.details.push_back(what + "made upon " + parent->name);
    return;
  }
  Spoil(one.verdict, verdict.outcome, verdict.reason,
        what + "made upon " + base::Quote(parent->name) + ", which is " +
            std::string(verify::OutcomeName(verdict.outcome)));
}

}  // namespace drwatch::exporter
