#include "verify/aof_folder.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "verify/aof.h"
#include "verify/file_verifier.h"
#include "verify/rdb.h"
#include "verify/redis_names.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kManifestSuffix = ".manifest";
constexpr std::int64_t kMaxManifestFileBytes = 1 << 20;
// A folder with more entries is not one of these: Redis keeps a handful of files in it.
constexpr std::size_t kMaxEntries = 4096;

// The name of the manifest; empty if there is none. `names` are the folder's entries.
std::string FindManifest(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.ends_with(kManifestSuffix) && !IsRedisTemporaryName(name)) return name;
  }
  return {};
}

// "appendonly.aof.2.incr.aof", "appendonly.aof.manifest": names Redis gives.
bool IsPartName(std::string_view name) {
  if (name.ends_with(".aof.manifest")) return !IsRedisTemporaryName(name);
  for (const std::string_view suffix : {".incr.aof", ".base.aof", ".base.rdb"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string_view stem = name.substr(0, name.size() - suffix.size());
    const std::size_t dot = stem.rfind('.');
    return dot != stem.npos && base::ParseInt(stem.substr(dot + 1)).has_value();
  }
  return false;
}

// What stands in quotes, as Redis writes it (sdscatrepr): "caf\xc3\xa9". `line` begins behind the
// first quote and ends up behind the second one.
std::string TakeQuoted(std::string_view& line) {
  std::string text;
  std::size_t at = 0;
  for (; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] != '\\' || at + 1 == line.size()) {
      text += line[at];
      continue;
    }
    const char c = line[++at];
    const auto byte = c == 'x' ? base::ParseHex(line.substr(at + 1, 2)) : std::nullopt;
    constexpr std::string_view kLetters = "nrtab";
    constexpr std::string_view kControls = "\n\r\t\a\b";
    const std::size_t control = kLetters.find(c);
    if (byte) {
      text += *byte;
      at += 2;
    } else {
      text += control == kLetters.npos ? c : kControls[control];
    }
  }
  line.remove_prefix(std::min(at + 1, line.size()));
  return text;
}

// The words of a manifest line by the word before them; quoted names may hold blanks.
std::vector<std::string> WordsOf(std::string_view line) {
  std::vector<std::string> words;
  while (!(line = base::Trim(line)).empty()) {
    if (line.starts_with('"')) {
      line.remove_prefix(1);
      words.push_back(TakeQuoted(line));
      continue;
    }
    const std::size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

// False: damaged.
bool ReadLine(std::string_view line, AofManifest& manifest) {
  const std::vector<std::string> words = WordsOf(line);
  AofManifest::File file;
  std::string type;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    if (words[i] == "file") file.name = words[i + 1];
    if (words[i] == "seq") file.sequence = base::ParseInt(words[i + 1]).value_or(0);
    if (words[i] == "type") type = words[i + 1];
  }
  if (words.size() < 6 || words.size() % 2 != 0 || file.sequence < 1) return false;
  if (file.name.empty() || file.name.find('/') != file.name.npos) return false;
  if (type == "h") {
    manifest.history.push_back(std::move(file.name));
  } else if (type == "b") {
    if (!manifest.base.empty()) return false;
    manifest.base.push_back(std::move(file));
  } else if (type == "i") {
    auto& appended = manifest.appended;
    if (!appended.empty() && appended.back().sequence >= file.sequence) return false;
    appended.push_back(std::move(file));
  } else {
    return false;
  }
  return true;
}

Verdict Bad(const std::string& place, Reason reason, std::string message) {
  Verdict verdict;
  verdict.outcome = Outcome::kBroken;
  verdict.reason = reason;
  verdict.place = place;
  verdict.message = std::move(message);
  return verdict;
}

enum class Position { kBefore, kLast };
enum class Order { kFirst, kLater };

// One file of the manifest, as Redis loads it; but Redis takes an empty base file for an empty
// dataset.
Walked<Walk> WalkPart(Reader& reader, const std::string& name, Position position, Order order) {
  auto head = reader.Peek(kRdbHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (name.ends_with(".rdb") && !LooksLikeRdb(*head)) {
    return Broken(head->empty() ? Reason::kTooSmall : Reason::kCorrupt, 0, "not an RDB file");
  }
  // Only the first one may be a snapshot: the server refuses the keys that it has already.
  if (LooksLikeRdb(*head) && order == Order::kLater) {
    return Broken(Reason::kWrongFormat, 0, "an RDB file in place of appended commands");
  }
  auto walk = LooksLikeRdb(*head) ? WalkRdb(reader) : WalkAof(reader);
  if (walk && walk->cut_off && position == Position::kBefore) {
    return Broken(Reason::kIncomplete, reader.offset(),
                  "ends in half a command, and more files follow");
  }
  return walk;
}

class AofFolder {
 public:
  AofFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : files_(files), checksums_(checksums), budget_(budget) {}

  Verdict Run() {
    const std::vector<std::string> names = files_.TopNames();
    const std::string name = FindManifest(names);
    if (name.empty()) {
      return Bad("", Reason::kIncomplete,
                 "its manifest is missing: Redis would start without data");
    }
    auto text = ReadAll(files_.Open(name, budget_, nullptr), kMaxManifestFileBytes);
    auto manifest = text ? ParseAofManifest(*text) : tl::unexpected(std::move(text.error()));
    if (!manifest) {
      whole_ = Bad(name, manifest.error().reason, std::move(manifest.error().message));
      whole_.outcome = manifest.error().outcome;
      return whole_;
    }
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
    whole_.format = "Redis append-only folder";
    CheckSequence(name, *manifest);
    const std::size_t count = manifest->base.size() + manifest->appended.size();
    for (const auto* files : {&manifest->base, &manifest->appended}) {
      for (const AofManifest::File& file : *files) {
        ++met_;
        Check(file.name, met_ == count ? Position::kLast : Position::kBefore);
      }
    }
    NoteOthers(name, names, *manifest);
    return whole_;
  }

 private:
  void CheckSequence(const std::string& name, const AofManifest& manifest) {
    // Without a base the server had no data when it began to append: only its first file can say
    // so.
    if (manifest.base.empty() && !manifest.appended.empty() &&
        manifest.appended.front().sequence > 1) {
      AddPart(whole_, Bad(name, Reason::kIncomplete,
                          "names no base file, and what was appended does not begin with file 1"));
    }
    for (std::size_t i = 1; i < manifest.appended.size(); ++i) {
      const AofManifest::File& file = manifest.appended[i];
      if (file.sequence == manifest.appended[i - 1].sequence + 1) continue;
      AddPart(whole_,
              Bad(name, Reason::kIncomplete,
                  "a file is missing between " + base::Quote(manifest.appended[i - 1].name) +
                      " and " + base::Quote(file.name)));
    }
  }
  void Check(const std::string& name, Position position) {
    if (whole_.outcome == Outcome::kBroken || !budget_.Check()) return;
    if (!files_.Has(name)) {
      return AddPart(whole_,
                     Bad(name, Reason::kIncomplete, "the manifest names it, it is missing"));
    }
    Verdict part = VerifyStream(
        [&](DigestTee* tee) { return files_.Open(name, budget_, tee); }, name, checksums_, budget_,
        [&](Reader& reader) {
          return WalkPart(reader, name, position, met_ == 1 ? Order::kFirst : Order::kLater);
        });
    for (std::string& detail : part.details) detail = name + ": " + detail;
    const bool adds_details = part.outcome == Outcome::kIntact;
    if (adds_details) {
      whole_.details.insert(whole_.details.end(), part.details.begin(), part.details.end());
    }
    AddPart(whole_, std::move(part));
  }
  // Files that no manifest names are not loaded; newer ones mean that the manifest is older than
  // the folder.
  void NoteOthers(const std::string& manifest_name, const std::vector<std::string>& names,
                  const AofManifest& manifest) {
    std::set<std::string> known(manifest.history.begin(), manifest.history.end());
    for (const auto* files : {&manifest.base, &manifest.appended}) {
      for (const AofManifest::File& file : *files) known.insert(file.name);
    }
    const std::string stem =
        manifest_name.substr(0, manifest_name.size() - kManifestSuffix.size()) + ".";
    for (const std::string& name : names) {
      const bool ours = name.starts_with(stem) && name != manifest_name;
      if (!ours || known.contains(name) || ParseChecksumFileName(name)) continue;
      whole_.details.push_back(base::Quote(name) + " is not in the manifest: it is not loaded");
    }
  }

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  Verdict whole_;
  std::size_t met_ = 0;
};

}  // namespace

Walked<AofManifest> ParseAofManifest(std::string_view text) {
  AofManifest manifest;
  std::int64_t offset = 0;
  for (const std::string_view line : base::Split(text, '\n')) {
    const std::string_view trimmed = base::Trim(line);
    const bool last =
        offset + static_cast<std::int64_t>(line.size()) >= static_cast<std::int64_t>(text.size());
    if (!trimmed.empty() && !trimmed.starts_with('#')) {
      if (last) return Broken(Reason::kIncomplete, offset, "the manifest ends in a line");
      if (!ReadLine(trimmed, manifest)) {
        return Broken(Reason::kCorrupt, offset, "damaged line in the manifest");
      }
    }
    offset += static_cast<std::int64_t>(line.size()) + 1;
  }
  if (manifest.base.empty() && manifest.appended.empty()) {
    return Broken(Reason::kIncomplete, 0, "the manifest names no file");
  }
  return manifest;
}

bool LooksLikeAofFolder(const FileSet& files) {
  const std::vector<std::string> names = files.TopNames();
  return names.size() <= kMaxEntries && std::any_of(names.begin(), names.end(), IsPartName);
}

bool LooksLikeAofFolder(const std::string& folder) {
  return LooksLikeAofFolder(FolderFiles(folder));
}

Verdict VerifyAofFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return AofFolder(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
