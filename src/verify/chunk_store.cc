#include "verify/chunk_store.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"
#include "verify/file_verifier.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kSegmentMagic = "BORG_SEG";

std::string_view TopOf(std::string_view name) { return name.substr(0, name.find('/')); }
std::string_view LastOf(std::string_view name) { return name.substr(name.rfind('/') + 1); }

bool IsDigest(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == name.npos;
}
bool IsNumber(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

// The bytes have the name's SHA-256.
Walked<Walk> WalkNamedByDigest(Reader& reader, std::string_view name) {
  base::Digest digest(base::DigestAlgorithm::kSha256);
  while (true) {
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    digest.Update(*bytes);
  }
  if (reader.offset() == 0) return Broken(Reason::kTooSmall, 0, "the file is empty");
  if (base::Hex(digest.Finish()) != name) {
    return Broken(Reason::kCorrupt, 0, "its SHA-256 is not the one it is named after");
  }
  return Walk{};
}

// No bytes are no pack; a segment of Borg begins with `magic`.
Walked<Walk> WalkStart(Reader& reader, std::string_view magic) {
  auto head = reader.Peek(std::max<std::size_t>(1, magic.size()));
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->empty()) return Broken(Reason::kTooSmall, 0, "the file is empty");
  if (head->starts_with(magic)) return Walk{};
  return Broken(Reason::kCorrupt, 0, "it does not begin as a segment of Borg does");
}

class StoreCheck {
 public:
  StoreCheck(const FileSet& files, const Checksums& checksums, ReadBudget& budget, ChunkStore kind)
      : files_(files), checksums_(checksums), budget_(budget), kind_(kind) {}
  Verdict Run();

 private:
  void Take(const TreeFile& file);
  Walked<Walk> WalkFile(Reader& reader, const std::string& name) const;
  void Want(std::int64_t count, const std::string& what);

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  const ChunkStore kind_;
  Verdict whole_;
  std::int64_t packs_ = 0;
  std::int64_t snapshots_ = 0;
  std::int64_t keys_ = 0;
};

Walked<Walk> StoreCheck::WalkFile(Reader& reader, const std::string& name) const {
  const std::string_view top = TopOf(name);
  const std::string_view last = LastOf(name);
  if (kind_ == ChunkStore::kRestic) {
    const bool told = top == "keys" || top == "index" || top == "snapshots";
    if (told && IsDigest(last)) return WalkNamedByDigest(reader, last);
    if (top == "data" || top == "config") return WalkStart(reader, "");
    return Walk{};
  }
  if (top == "data" && IsNumber(last)) return WalkStart(reader, kSegmentMagic);
  return top == "config" ? WalkStart(reader, "[repository]") : Walk{};
}

void StoreCheck::Take(const TreeFile& file) {
  const std::string_view top = TopOf(file.name);
  if (top == "locks" || top.starts_with("lock.")) return;  // come and go
  if (top == "data") ++packs_;
  if (top == "snapshots") ++snapshots_;
  if (top == "keys") ++keys_;
  const auto open = [&](DigestTee* tee) { return files_.Open(file.name, budget_, tee); };
  Verdict part = VerifyStream(open, file.name, checksums_, budget_,
                              [&](Reader& reader) { return WalkFile(reader, file.name); });
  if (part.outcome == Outcome::kUnjudged && part.reason == Reason::kUnverified) {
    part.outcome = Outcome::kIntact;
  }
  AddPart(whole_, std::move(part));
}

void StoreCheck::Want(std::int64_t count, const std::string& what) {
  if (count > 0 || whole_.outcome != Outcome::kIntact) return;
  whole_.outcome = Outcome::kBroken;
  whole_.reason = Reason::kIncomplete;
  whole_.message = "the repository holds no " + what;
}

Verdict StoreCheck::Run() {
  whole_.outcome = Outcome::kIntact;
  whole_.level = Level::kSize;
  const auto walked = files_.Each([&](const TreeFile& file) {
    Take(file);
    return whole_.outcome == Outcome::kIntact && budget_.Check().has_value();
  });
  const bool restic = kind_ == ChunkStore::kRestic;
  whole_.format = restic ? "restic repository" : "Borg repository";
  whole_.level = std::min(whole_.level, Level::kSize);
  if (!walked) {
    whole_.outcome = walked.error().outcome;
    whole_.reason = walked.error().reason;
    whole_.message = walked.error().message;
    return whole_;
  }
  if (!budget_.Check()) return whole_;
  if (restic) Want(keys_, "key");
  if (restic) Want(snapshots_, "snapshot");
  Want(packs_, restic ? "pack" : "segment");
  if (whole_.outcome != Outcome::kIntact) return whole_;
  if (restic) whole_.details.push_back(std::to_string(snapshots_) + " snapshots");
  whole_.level = Level::kSize;
  whole_.outcome = Outcome::kUnjudged;
  whole_.reason = Reason::kUnverified;
  whole_.message = restic ? "what its packs hold only \"restic check --read-data\" proves"
                          : "what its segments hold only \"borg check --verify-data\" proves";
  return whole_;
}

}  // namespace

std::string_view WrittenByABackup(ChunkStore kind) {
  return kind == ChunkStore::kRestic ? "snapshots" : "data";
}

ChunkStore RecogniseChunkStore(const FileSet& files) {
  if (!files.Has("config") || !files.Has("data")) return ChunkStore::kNone;
  if (files.Has("keys") && files.Has("snapshots")) return ChunkStore::kRestic;
  if (!files.Has("README")) return ChunkStore::kNone;
  const std::vector<std::string> top = files.TopNames();
  const bool borg = std::any_of(top.begin(), top.end(), [](const std::string& name) {
    return name.starts_with("hints.") && IsNumber(std::string_view(name).substr(6));
  });
  return borg ? ChunkStore::kBorg : ChunkStore::kNone;
}

Verdict VerifyChunkStore(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return StoreCheck(files, checksums, budget, RecogniseChunkStore(files)).Run();
}

}  // namespace drwatch::verify
