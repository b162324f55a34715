#include "verify/backup_origin.h"

#include <algorithm>
#include <utility>

#include "verify/base_backup_archive.h"
#include "verify/format.h"
#include "verify/tar.h"

namespace drwatch::verify {
namespace {

constexpr const char* kLabelFile = "backup_label";
// It is some lines, one of which people may write.
constexpr std::size_t kLabelBytes = 64 << 10;
// Of base.tar so many members are looked at.
constexpr int kMaxMembers = 16;

// Keeps the label, and ends the walk behind it.
class LabelFinder final : public TarVisitor {
 public:
  Walked<void> Begin(const TarMember& member) override {
    is_label_ = member.regular() && member.name == kLabelFile;
    if (++members_ > kMaxMembers) return Stop();
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    if (is_label_) text_ += bytes.substr(0, kLabelBytes - std::min(kLabelBytes, text_.size()));
    return {};
  }
  Walked<void> End() override { return is_label_ ? Stop() : Walked<void>(); }
  bool stopped() const { return stopped_; }
  const std::string& text() const { return text_; }

 private:
  Walked<void> Stop() {
    stopped_ = true;
    return Unjudged(model::Reason::kLimit, "the rest is not looked at");
  }

  bool is_label_ = false;
  bool stopped_ = false;
  int members_ = 0;
  std::string text_;
};

// "": it is not where pg_basebackup writes it.
Walked<std::string> LabelInTar(const FileSet& files, const std::string& name, ReadBudget& budget) {
  auto opened = files.Open(name, budget, nullptr);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  Reader file(*opened->source);
  LabelFinder finder;
  auto walked = WalkPacked(file, name, [&finder](Reader& inner) -> Walked<Walk> {
    if (auto members = WalkTarMembers(inner, finder); !members) {
      return tl::unexpected(std::move(members.error()));
    }
    return Walk{};
  });
  if (!walked && !finder.stopped()) return tl::unexpected(std::move(walked.error()));
  return finder.text();
}

Walked<std::string> LabelOf(const FileSet& files, ReadBudget& budget) {
  if (files.Has(kLabelFile)) return ReadAll(files.Open(kLabelFile, budget, nullptr), kLabelBytes);
  for (const std::string& name : files.TopNames()) {
    if (BackupArchiveOf(name) == "base") return LabelInTar(files, name, budget);
  }
  return std::string();
}

}  // namespace

std::string BackupOrigin::Describe(const BackupStart& start) {
  return "starts at " + FormatLsn(start.start) + " of timeline " + std::to_string(start.timeline);
}

Walked<std::optional<BackupOrigin>> ReadBackupOrigin(const FileSet& files, ReadBudget& budget) {
  auto label = LabelOf(files, budget);
  // What is damaged says nothing, today as tomorrow.
  const bool damaged = !label && (label.error().outcome == Outcome::kBroken ||
                                  label.error().reason == model::Reason::kLimit);
  if (damaged) return std::nullopt;
  if (!label) return tl::unexpected(std::move(label.error()));
  const auto own = ParseBackupLabel(*label);
  if (!own) return std::nullopt;
  return BackupOrigin{*own, ParseBackupParent(*label)};
}

}  // namespace drwatch::verify
