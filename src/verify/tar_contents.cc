#include "verify/tar_contents.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/strings.h"
#include "verify/archived_dumps.h"
#include "verify/base_backup_tar.h"
#include "verify/data_folder_scan.h"
#include "verify/dump_folder_tar.h"
#include "verify/tar.h"
#include "verify/watched_source.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// Links that lead out of the folder that an archive is unpacked in. Programs that back databases up
// write such links on purpose; a member that would be written through one may be anybody's file.
class LinksOut {
 public:
  void Add(const TarMember& member) {
    const std::vector<std::string_view> parts = PartsOf(member.name);
    std::uint64_t key = kSeed;
    bool through = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0 && !links_.empty()) through = through || links_.contains(key);
      key = HashOn(key, parts[i]);
    }
    if (through) ++through_;
    const bool symbolic = member.type == '2' && LeadsOut(member.link, parts.size());
    if (member.type == '1' && LeavesFolder(member.link)) ++through_;
    if (!symbolic) {
      links_.erase(key);
    } else if (links_.size() < kMaxLinks) {
      links_.insert(key);
    }
  }
  std::int64_t through() const { return through_; }

 private:
  static constexpr std::size_t kMaxLinks = 100'000;
  static constexpr std::uint64_t kSeed = 14695981039346656037ULL;  // FNV-1a

  static std::vector<std::string_view> PartsOf(std::string_view path) {
    std::vector<std::string_view> parts = base::Split(path, '/');
    std::erase_if(parts, [](std::string_view part) { return part.empty() || part == "."; });
    return parts;
  }
  static std::uint64_t HashOn(std::uint64_t hash, std::string_view part) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return (hash ^ '/') * 1099511628211ULL;
  }
  // `depth` is the number of parts of the link's own name.
  static bool LeadsOut(std::string_view target, std::size_t depth) {
    if (target.starts_with('/')) return true;
    for (const std::string_view part : PartsOf(target)) {
      if (part != "..") {
        ++depth;
      } else if (--depth == 0) {
        return true;
      }
    }
    return false;
  }

  std::unordered_set<std::uint64_t> links_;
  std::int64_t through_ = 0;
};

// Any tar file's members.
class Members final : public TarVisitor {
 public:
  explicit Members(const WalkContent& walk_content) : walk_content_(walk_content) {}

  Walked<void> Begin(const TarMember& member) override {
    ++members_;
    if (member.name.starts_with('/')) ++absolute_;
    links_.Add(member);
    data_folders_.Note(member);
    if (member.type == 'M') continued_ = true;
    if (member.regular()) dumps_.Note(member.modified);
    member_ = member;
    return base_backup_.Begin(member);
  }
  Walked<void> Content(Source& content) override {
    if (DumpFolderScan::Wants(member_)) return dump_.Take(member_, content);
    if (WantsDump()) {
      TakeDump(content);
      return {};
    }
    if (!data_folders_.WantsContent()) return base_backup_.Content(content);
    StartKeeper keeper(content, kControlBytes);
    auto walked = base_backup_.Content(keeper);
    if (walked) data_folders_.Keep(keeper.start());
    return walked;
  }
  Walked<void> Data(std::string_view) override { return {}; }
  Walked<void> End() override { return base_backup_.End(); }
  Walked<Walk> Finish();

 private:
  bool WantsDump() const {
    return walk_content_ && member_.regular() && !member_.sparse &&
           ArchivedDumps::Wants(member_.name);
  }
  void TakeDump(Source& content);

  const WalkContent& walk_content_;
  TarMember member_;
  DumpFolderScan dump_;
  ArchivedDumps dumps_;
  BaseBackupScan base_backup_{BaseBackupWal::kInside};
  DataFolderScan data_folders_;
  LinksOut links_;
  std::int64_t members_ = 0;
  std::int64_t absolute_ = 0;
  bool continued_ = false;  // it goes on with a member of another archive
};

void Members::TakeDump(Source& content) {
  WatchedSource watched(content);
  Reader reader(watched);
  auto walk = walk_content_(reader, member_.name);
  // That the archive ends here is told by who skips what is left.
  if (!watched.failed()) dumps_.Add(member_.name, member_.modified, std::move(walk));
}

Walked<Walk> Members::Finish() {
  if (members_ == 0) return Broken(Reason::kTooSmall, 0, "the tar archive holds nothing");
  if (continued_) {
    return Unjudged(Reason::kUnverified, "the last part of a tar archive in volumes");
  }
  Walk walk;
  if (base_backup_.found() || dump_.found()) {
    auto found = base_backup_.found() ? base_backup_.Finish() : dump_.Finish();
    if (!found) return found;
    walk = *std::move(found);
  } else {
    if (auto told = data_folders_.Finish(walk); !told) return tl::unexpected(told.error());
    walk.format = "tar archive";
    walk.level = Level::kFormat;
    walk.details.push_back(std::to_string(members_) + " members");
  }
  // What lies in a base backup its manifest speaks for.
  if (!base_backup_.found()) {
    if (auto told = dumps_.Finish(walk); !told) return tl::unexpected(std::move(told.error()));
  }
  if (absolute_ > 0) {
    walk.details.push_back(std::to_string(absolute_) + " members have absolute names");
  }
  if (links_.through() > 0) {
    walk.details.push_back(std::to_string(links_.through()) +
                           " members would be written through links that lead out of the folder");
  }
  return walk;
}

}  // namespace

Walked<Walk> WalkTar(Reader& reader, const WalkContent& content) {
  Members members(content);
  if (auto walked = WalkTarMembers(reader, members); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  return members.Finish();
}

}  // namespace drwatch::verify
