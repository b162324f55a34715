#include "verify/dump_folder_tar.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/strings.h"
#include "verify/checksum_list.h"
#include "verify/decoder.h"
#include "verify/dump_folder_files.h"
#include "verify/watched_source.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kTocName = "toc.dat";
// Of all lists of large objects and of folders together.
constexpr std::size_t kMaxListBytes = 16 << 20;
// A member that lists a folder's files: a letter before each name, a zero byte behind it. 'Y' is in
// the archive, 'N' has not changed since the one before it (GNU tar's manual, "Dumpdir").
constexpr char kFolderList = 'D';
constexpr std::string_view kTocInArchive("Ytoc.dat\0", 9);

std::pair<std::string, std::string> SplitName(const std::string& path) {
  const std::size_t at = path.rfind('/') + 1;  // npos + 1 = 0
  return {path.substr(0, at), path.substr(at)};
}

// What a walk needs that knows the table of contents from its start.
struct KnownDump {
  struct File {
    const DumpEntry* entry = nullptr;  // of toc; of a large object none
    bool there = false;
  };
  std::string root;
  DumpToc toc;
  std::map<std::string, File> files;  // by name, without an ending of a compression
  std::set<std::string> left_out;     // of an incremental archive, likewise
  bool list_left_out = false;         // of large objects: their names are not known
};

std::string WithoutCompression(std::string name) {
  for (const std::string_view ending : {".gz", ".lz4", ".zst"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  return name;
}

tl::unexpected<Fault> BadFile(const std::string& name, Reason reason, std::string message) {
  return tl::unexpected(Fault{Outcome::kBroken, reason, name, std::move(message)});
}

class KnownFiles final : public TarVisitor {
 public:
  explicit KnownFiles(KnownDump& dump) : dump_(dump) {}

  Walked<void> Begin(const TarMember& member) override;
  Walked<void> Content(Source& content) override;
  Walked<void> Data(std::string_view) override { return {}; }
  Walked<void> End() override { return {}; }
  Walked<Walk> Finish() const;

 private:
  KnownDump& dump_;
  KnownDump::File* file_ = nullptr;  // that the member is
  std::string name_;                 // of the member, below the folder
  std::int64_t size_ = 0;
  Level level_ = Level::kContent;
  std::int64_t not_read_ = 0;
  std::int64_t beside_ = 0;
  Contents contents_;
};

Walked<void> KnownFiles::Begin(const TarMember& member) {
  file_ = nullptr;
  const bool inside = member.name.starts_with(dump_.root);
  if (!inside && member.regular()) ++beside_;
  if (!inside || (!member.regular() && member.type != '1')) return {};
  name_ = member.name.substr(dump_.root.size());
  size_ = member.size;
  const std::string plain = WithoutCompression(name_);
  auto found = dump_.files.find(plain);
  if (found == dump_.files.end() && dump_.list_left_out && IsLargeObjectName(name_)) {
    found = dump_.files.try_emplace(plain).first;
  }
  if (found == dump_.files.end()) {
    if (!IsLargeObjectName(name_) || ParseChecksumFileName(name_)) return {};
    return BadFile(name_, Reason::kCorrupt, kUnlistedLargeObject);
  }
  found->second.there = true;
  if (member.regular() && !member.sparse) {
    file_ = &found->second;
  } else {
    ++not_read_;
  }
  return {};
}

Walked<void> KnownFiles::Content(Source& content) {
  if (file_ == nullptr) return {};
  WatchedSource watched(content);
  Reader reader(watched);
  const DumpEntry* const entry = file_->entry;
  auto walk = WalkDumpFile(reader, name_,
                           entry != nullptr ? DumpData(*entry, dump_.toc.encoding) : DumpData());
  if (walk) {
    level_ = std::min(level_, walk->level);
    if (CompressionOfName(name_)) contents_.packed_bytes += size_;
    contents_.unpacked_bytes += walk->contents.unpacked_bytes;
    return {};
  }
  Fault fault = std::move(walk.error());
  if (!watched.failed()) fault.place = name_ + (fault.place.empty() ? "" : ": " + fault.place);
  return tl::unexpected(std::move(fault));
}

Walked<Walk> KnownFiles::Finish() const {
  std::int64_t left_out = 0;
  for (const auto& [name, file] : dump_.files) {
    if (file.there) continue;
    if (!dump_.left_out.contains(name)) {
      return BadFile(name, Reason::kIncomplete, kMissingDumpFile);
    }
    ++left_out;
  }
  const bool increment = left_out > 0 || dump_.list_left_out;
  Walk walk;
  walk.format = DumpFormatName(dump_.toc.header) + " in tar";
  walk.level = not_read_ > 0 || beside_ > 0 || increment ? Level::kFormat : level_;
  walk.details.push_back(std::to_string(dump_.files.size()) + " data files");
  if (increment) {
    walk.details.push_back("an increment: " + std::to_string(left_out) +
                           " of them have not changed, and are in an archive before it");
  }
  if (not_read_ > 0) {
    walk.details.push_back(std::to_string(not_read_) + " members are links or sparse: not read");
  }
  if (beside_ > 0) walk.details.push_back(std::to_string(beside_) + " members beside it");
  walk.contents = contents_;
  walk.contents.tables = dump_.toc.tables;
  if (!dump_.toc.has_rows) walk.details.emplace_back(kNoRowsText);
  walk.contents.begun = dump_.toc.begun;
  return walk;
}

Walked<Walk> WalkKnown(Reader& reader, KnownDump& dump) {
  KnownFiles files(dump);
  if (auto walked = WalkTarMembers(reader, files); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  return files.Finish();
}

Walked<void> AddFile(KnownDump& dump, const std::string& name, const DumpEntry* entry) {
  if (!IsDumpFileName(name)) {
    return BadFile(std::string(kTocName), Reason::kCorrupt, "impossible file name");
  }
  dump.files[name].entry = entry;
  return {};
}

}  // namespace

bool DumpFolderScan::Wants(const TarMember& member) {
  if (member.type == kFolderList) return true;
  if (!member.regular() || member.sparse) return false;
  const std::string name = SplitName(member.name).second;
  return name == kTocName || (name.starts_with("blobs") && name.ends_with(".toc"));
}

Walked<void> DumpFolderScan::Take(const TarMember& member, Source& content) {
  const auto [folder, name] = SplitName(member.name);
  if (name == kTocName) return TakeToc(folder, content);
  std::string text;
  while (true) {
    auto bytes = content.Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    // Whether it matters is not known yet: a list that is too long is missed later.
    if (list_bytes_ + text.size() + bytes->size() > kMaxListBytes) return {};
    text += *bytes;
  }
  const bool is_folder = member.type == kFolderList;
  // That of no dump whose table of contents is in the archive.
  if (is_folder && text.find(kTocInArchive) == text.npos) return {};
  list_bytes_ += text.size();
  (is_folder ? folders_ : lists_)[member.name] = std::move(text);
  return {};
}

std::set<std::string> DumpFolderScan::LeftOut() const {
  std::set<std::string> left_out;
  const auto folder = folders_.find(root_);
  if (folder == folders_.end()) return left_out;
  for (const std::string_view line : base::Split(folder->second, '\0')) {
    if (line.starts_with('N')) left_out.insert(WithoutCompression(std::string(line.substr(1))));
  }
  return left_out;
}

Walked<void> DumpFolderScan::TakeToc(const std::string& folder, Source& content) {
  WatchedSource watched(content);
  Reader reader(watched);
  auto head = reader.Peek(kDumpMagic.size());
  if (!head) return tl::unexpected(std::move(head.error()));
  if (*head != kDumpMagic) return {};
  several_ = toc_.has_value();
  if (several_) return {};
  root_ = folder;
  std::optional<DumpToc> toc;
  auto walked = WalkFolderToc(reader, toc);
  if (!walked && watched.failed()) return tl::unexpected(std::move(walked.error()));
  if (walked) {
    toc->tables = std::move(walked->contents.tables);
    toc_ = *std::move(toc);
  } else {
    toc_ = tl::unexpected(std::move(walked.error()));
  }
  return {};
}

Walked<Walk> DumpFolderScan::Finish() {
  if (!*toc_) {
    Fault fault = std::move(toc_->error());
    fault.place = std::string(kTocName) + (fault.place.empty() ? "" : ": " + fault.place);
    return tl::unexpected(std::move(fault));
  }
  auto known = std::make_shared<KnownDump>();
  known->root = root_;
  known->toc = *std::move(*toc_);
  known->left_out = LeftOut();
  for (const DumpEntry& entry : known->toc.data) {
    if (entry.content != DumpContent::kLargeObjects) {
      auto added = AddFile(*known, entry.file, &entry);
      if (!added) return tl::unexpected(std::move(added.error()));
      continue;
    }
    const auto list = lists_.find(root_ + entry.file);
    if (list == lists_.end() && known->left_out.contains(entry.file)) {
      known->list_left_out = true;
      continue;
    }
    if (list == lists_.end()) return BadFile(entry.file, Reason::kIncomplete, kMissingDumpFile);
    const auto objects = ParseLargeObjectList(list->second);
    if (!objects) return BadFile(entry.file, objects.error().reason, objects.error().message);
    for (const std::string& object : *objects) {
      if (auto added = AddFile(*known, object, nullptr); !added) {
        return tl::unexpected(std::move(added.error()));
      }
    }
  }
  Walk walk;
  walk.again = [known](Reader& reader) { return WalkKnown(reader, *known); };
  return walk;
}

}  // namespace drwatch::verify
