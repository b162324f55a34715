#include "verify/data_folder.h"

#include <optional>
#include <string>
#include <string_view>

#include "verify/backup_label.h"
#include "verify/carried_wal.h"
#include "verify/control_file.h"
#include "verify/file_verifier.h"
#include "verify/manifest_inventory.h"
#include "verify/wal_name.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kLabelFile = "backup_label";
constexpr std::string_view kUsedLabelFile = "backup_label.old";
// It is some lines, one of which people may write.
constexpr std::size_t kLabelBytes = 64 << 10;

// Pages and whatever else: what they hold says nothing.
Walked<Walk> WalkAnything(Reader& /*file*/) {
  Walk walk;
  walk.level = Level::kSize;
  return walk;
}

class DataFolder {
 public:
  DataFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : files_(files),
        checksums_(checksums),
        budget_(budget),
        labelled_(files.Has(std::string(kLabelFile))) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
    whole_.format = labelled_ ? "base backup, plain" : "data folder of a server";
  }

  Verdict Run() {
    if (HasParts() && ReadControl()) CheckFiles();
    if (Good()) AddMissing(whole_, files_, checksums_);
    if (Good() && !labelled_) CheckStart();
    if (Good() && unproven_) Require(Unproven(), "");
    if (Good() && labelled_ && !has_wal_) Lack();
    return whole_;
  }

 private:
  bool Good() const { return whole_.outcome != Outcome::kBroken && budget_.Check(); }
  bool Require(Walked<void> result, const std::string& place) {
    return AddFault(whole_, std::move(result), place);
  }
  tl::unexpected<Fault> Unproven() const;
  bool HasParts();
  bool ReadControl();
  void CheckFiles();
  void CheckFile(const TreeFile& file);
  void CheckStart();
  void Lack();

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  const bool labelled_;
  Verdict whole_;
  ControlFile control_;
  std::uint64_t system_identifier_ = 0;
  CarriedWal wal_{BaseBackupWal::kInside};
  bool unproven_ = false;  // no checksum file names one of its files
  bool has_wal_ = false;   // a segment lies in it
};

tl::unexpected<Fault> DataFolder::Unproven() const {
  const bool past = files_.Has(std::string(kManifestName));
  return Unjudged(Reason::kUnverified,
                  past
                      ? "a server was started in it since its backup_manifest was written: nothing "
                        "to check its files against"
                      : "no backup_manifest: nothing to check its files against");
}

bool DataFolder::HasParts() {
  for (const char* name : {"PG_VERSION", "global/pg_control", "base", "pg_xact"}) {
    const bool old = std::string_view(name) == "pg_xact" && files_.Has("pg_clog");  // before 10
    if (old || files_.Has(name)) continue;
    return Require(tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, "",
                                        "a data folder needs it, it is missing"}),
                   name);
  }
  return true;
}

bool DataFolder::ReadControl() {
  const std::string name(kControlFile);
  const auto bytes = ReadAll(files_.Open(name, budget_, nullptr), kControlBytes);
  if (!bytes) return Require(tl::unexpected(bytes.error()), name);
  auto control = ParseControlFile(*bytes);
  if (!control) return Require(tl::unexpected(std::move(control.error())), name);
  control_ = *control;
  system_identifier_ = SystemIdentifierOf(*bytes);
  const std::string version(kVersionFile);
  const auto release = ReadAll(files_.Open(version, budget_, nullptr), kVersionBytes);
  if (!release) return Require(tl::unexpected(release.error()), version);
  wal_.OfRelease(*release);
  if (!control_.checkpoint || labelled_) return true;
  wal_.BelongTo(*bytes);
  wal_.ExpectRange(*control_.checkpoint);
  return true;
}

void DataFolder::CheckFiles() {
  auto walked = files_.Each([this](const TreeFile& file) {
    CheckFile(file);
    return Good();
  });
  Require(std::move(walked), "");
  Require(budget_.Check(), "");
}

void DataFolder::CheckFile(const TreeFile& file) {
  const auto open = [&](DigestTee* tee) { return files_.Open(file.name, budget_, tee); };
  if (!checksums_.Find(file.name).empty()) {
    AddPart(whole_, VerifyStream(open, file.name, checksums_, budget_, WalkAnything));
  } else if (!ParseChecksumFileName(file.name)) {
    unproven_ = true;
  }
  if (!file.name.starts_with(kWalFolder)) return;
  const auto segment = ParseWalFileName(file.name);
  has_wal_ = has_wal_ || (segment && segment->kind == WalFileName::Kind::kSegment);
  if (labelled_) return;
  auto opened = open(nullptr);
  if (!opened) {
    Require(tl::unexpected(std::move(opened.error())), file.name);
    return;
  }
  auto added = wal_.Add(file.name.substr(kWalFolder.size()), file.size, *opened->source);
  // A fault of reading does not say where it is.
  const bool readable = added || added.error().outcome == Outcome::kBroken;
  Require(std::move(added), readable ? "" : file.name);
}

// Whether a server starts in it: without a backup_label its control file says from where.
void DataFolder::CheckStart() {
  if (!Require(wal_.Check(), "")) return;
  if (control_.checkpoint && wal_.count() == 0) {
    const NeededWal needed{{*control_.checkpoint}, 0};
    Require(
        Unjudged(Reason::kUnverified, "it carries no WAL: to be started it needs " +
                                          needed.ToString() + " and all behind it from an archive"),
        "pg_wal");
  }
  if (control_.stopped) {
    whole_.details.emplace_back(kStoppedText);
    return;
  }
  Require(Unjudged(Reason::kUnverified, kRunningText), "");
}

// As one with a manifest: nothing may be wrong with it, and yet it cannot be restored alone. How
// far the WAL is needed its label does not say: at least from where recovery begins.
void DataFolder::Lack() {
  if (whole_.outcome == Outcome::kUnjudged && whole_.reason != Reason::kUnverified) return;
  const std::string name(kLabelFile);
  const auto text = ReadAll(files_.Open(name, budget_, nullptr), kLabelBytes);
  if (!text) {
    Require(tl::unexpected(text.error()), name);
    return;
  }
  const auto label = ParseBackupLabel(*text);
  if (!label) return;
  if (!whole_.message.empty()) whole_.details.push_back(whole_.message);
  whole_.outcome = Outcome::kBroken;
  whole_.reason = Reason::kIncomplete;
  whole_.place = "pg_wal";
  whole_.message = "it carries no WAL: to be restored it needs that of timeline " +
                   std::to_string(label->timeline) + " from " + FormatLsn(label->start) +
                   " on from an archive";
  whole_.needs_wal = {{{label->timeline, label->start, label->start + 1}}, system_identifier_};
}

}  // namespace

bool LooksLikeDataFolder(const FileSet& files) {
  return files.Has(std::string(kVersionFile)) &&
         (files.Has(std::string(kLabelFile)) || (files.Has("base") && files.Has("global")));
}

bool WasStarted(const FileSet& files) {
  return !files.Has(std::string(kLabelFile)) && files.Has(std::string(kUsedLabelFile));
}

Verdict VerifyDataFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return DataFolder(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
