#include "verify/data_folder_scan.h"

#include <string_view>

#include "verify/carried_wal.h"
#include "verify/data_folder.h"
#include "verify/wal_name.h"

namespace drwatch::verify {
namespace {

// Beside the control file; each data folder has it, and no other folder (since 9.0).
constexpr std::string_view kMapFile = "global/pg_filenode.map";
constexpr std::string_view kLabelFile = "backup_label";

// The folder that `path` lies in at the place `file`. nullopt: it is no such path.
std::optional<std::string> RootOf(std::string_view path, std::string_view file) {
  if (!path.ends_with(file)) return std::nullopt;
  path.remove_suffix(file.size());
  if (!path.empty() && !path.ends_with('/')) return std::nullopt;
  return std::string(path);
}

// The folder whose pg_wal holds this segment.
std::optional<std::string> RootOfSegment(const std::string& path) {
  const std::size_t name = path.rfind('/') + 1;  // npos + 1 = 0
  const auto parsed = ParseWalFileName(path.substr(name));
  if (!parsed || parsed->kind != WalFileName::Kind::kSegment || parsed->packed) return std::nullopt;
  return RootOf(std::string_view(path).substr(0, name), kWalFolder);
}

}  // namespace

DataFolderScan::Folder* DataFolderScan::At(const std::string& root) {
  const auto found = folders_.find(root);
  if (found != folders_.end()) return &found->second;
  return folders_.size() < kMaxFolders ? &folders_[root] : nullptr;
}

void DataFolderScan::Note(const TarMember& member) {
  control_ = nullptr;
  const auto note = [this](const std::optional<std::string>& root, bool Folder::*what) {
    Folder* const folder = root ? At(*root) : nullptr;
    if (folder != nullptr) folder->*what = true;
    return folder;
  };
  if (Folder* const folder = note(RootOf(member.name, kControlFile), &Folder::control)) {
    // Stored without its zeros, or under another name, it is not read.
    if (member.regular() && !member.sparse) control_ = folder;
  }
  note(RootOf(member.name, kMapFile), &Folder::server);
  note(RootOf(member.name, kLabelFile), &Folder::label);
  note(RootOfSegment(member.name), &Folder::wal);
}

void DataFolderScan::Keep(std::string_view start) {
  if (control_ != nullptr) control_->content = ParseControlFile(start);
}

void DataFolderScan::Judge(const Folder& folder, const std::string& root, Walk& walk) {
  const auto doubt = [&](const char* why) {
    if (walk.doubt.empty()) walk.doubt = (root.empty() ? "" : "in " + root + ": ") + why;
  };
  if (!folder.control) {
    return doubt(
        "a data folder without global/pg_control: no server starts in it, unless that lies "
        "elsewhere");
  }
  if (!folder.content) return;
  if (folder.label) {
    if (!folder.wal) walk.details.emplace_back(kNoWalText);
  } else if ((*folder.content)->stopped) {
    walk.details.emplace_back(kStoppedText);
  } else {
    doubt(kRunningText);
  }
}

Walked<void> DataFolderScan::Finish(Walk& walk) const {
  for (const auto& [root, folder] : folders_) {
    if (!folder.server) continue;
    if (folder.content && !*folder.content) {
      Fault fault = folder.content->error();
      fault.place = root + std::string(kControlFile) + ": " + fault.place;
      return tl::unexpected(std::move(fault));
    }
    Judge(folder, root, walk);
  }
  return {};
}

}  // namespace drwatch::verify
