#include "verify/checksum_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;

// Suffixes of sidecars, also followed by "sum"; in upper case, without the dot and followed by SUM
// or SUMS, names of lists.
struct Row {
  std::string_view suffix;
  std::optional<DigestAlgorithm> algorithm;
};
constexpr std::array<Row, 9> kRows = {{{".md5", DigestAlgorithm::kMd5},
                                       {".sha1", DigestAlgorithm::kSha1},
                                       {".sha224", DigestAlgorithm::kSha224},
                                       {".sha256", DigestAlgorithm::kSha256},
                                       {".sha384", DigestAlgorithm::kSha384},
                                       {".sha512", DigestAlgorithm::kSha512},
                                       {".b2", DigestAlgorithm::kBlake2b512},
                                       {".blake2b", DigestAlgorithm::kBlake2b512},
                                       {".checksum", std::nullopt}}};
constexpr std::size_t kLongestEnding = std::string_view(".checksumsum").size();
constexpr std::size_t kLongestList = std::string_view("checksumsums.txt").size();

const Row* FindRow(std::string_view suffix) {
  const auto found = std::find_if(kRows.begin(), kRows.end(),
                                  [suffix](const Row& row) { return row.suffix == suffix; });
  return found == kRows.end() ? nullptr : &*found;
}

std::optional<DigestAlgorithm> AlgorithmOfLength(std::size_t hex_digits) {
  switch (hex_digits) {
    case 32:
      return DigestAlgorithm::kMd5;
    case 40:
      return DigestAlgorithm::kSha1;
    case 56:
      return DigestAlgorithm::kSha224;
    case 64:
      return DigestAlgorithm::kSha256;
    case 96:
      return DigestAlgorithm::kSha384;
    case 128:
      return DigestAlgorithm::kSha512;
    default:
      return std::nullopt;
  }
}

// PATH_MAX: a longer name is no file's.
constexpr std::size_t kMaxNameBytes = 4096;

// An entry without a tag: its digest alone tells. A hint of another length counts for nothing, but
// that of BLAKE2b, whose shorter digests look like SHA-2's and are not computed here.
std::optional<ChecksumEntry> Untagged(std::string_view hex, std::optional<DigestAlgorithm> hint) {
  constexpr std::size_t kLongest = 128;
  auto algorithm = AlgorithmOfLength(hex.size());
  if (hint == DigestAlgorithm::kBlake2b512) {
    algorithm = hex.size() == kLongest ? hint : std::nullopt;
  }
  auto digest = base::ParseHex(hex);
  if (!algorithm || !digest) return std::nullopt;
  return ChecksumEntry{
      *algorithm, *std::move(digest), {}, hex.size() == kLongest && hint != algorithm};
}

// \\ -> \, \n -> newline, \r -> carriage return: coreutils' escapes.
std::string Unescape(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '\\' || i + 1 == name.size()) {
      result += name[i];
      continue;
    }
    const char next = name[++i];
    result += next == 'n' ? '\n' : next == 'r' ? '\r' : next;
  }
  return result;
}

std::string Normal(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

// "SHA256", and as OpenSSL 3 writes them "SHA2-256", "BLAKE2B-512". nullopt: not known.
std::optional<DigestAlgorithm> ParseTag(std::string_view tag) {
  constexpr std::string_view kSha2 = "SHA2-";
  if (tag == "BLAKE2B-512") return DigestAlgorithm::kBlake2b512;
  if (tag.starts_with(kSha2)) {
    return base::ParseDigestName("SHA" + std::string(tag.substr(kSha2.size())));
  }
  return base::ParseDigestName(tag);
}

// "SHA256 (name) = hex"; of "openssl dgst" "SHA256(name)= hex", and once "(stdin)= hex".
std::optional<ChecksumEntry> ParseBsd(std::string_view line, bool escaped,
                                      std::optional<DigestAlgorithm> hint) {
  const bool spaced = line.rfind(") = ") != line.npos;
  const std::string_view before = spaced ? " (" : "(";
  const std::string_view behind = spaced ? ") = " : ")= ";
  const std::size_t open = line.find(before);
  const std::size_t close = line.rfind(behind);
  if (open == line.npos || close == line.npos || close < open + before.size()) return std::nullopt;
  const std::string_view hex = base::Trim(line.substr(close + behind.size()));
  const std::size_t begin = open + before.size();
  const std::string_view name = line.substr(begin, close - begin);
  std::optional<ChecksumEntry> entry;
  if (open == 0) {
    entry = Untagged(hex, hint);
  } else if (const auto algorithm = ParseTag(line.substr(0, open))) {
    auto digest = base::ParseHex(hex);
    const bool fits = digest && digest->size() == base::ComputeDigest(*algorithm, "").size();
    if (fits) entry = ChecksumEntry{*algorithm, *std::move(digest), {}};
  }
  if (entry) entry->name = Normal(escaped ? Unescape(name) : std::string(name));
  return entry;
}

// "hex  name", "hex *name", "hex"
std::optional<ChecksumEntry> ParseGnu(std::string_view line, bool escaped,
                                      std::optional<DigestAlgorithm> hint) {
  const std::size_t space = std::min(line.find(' '), line.size());
  auto entry = Untagged(line.substr(0, space), hint);
  if (!entry) return std::nullopt;
  std::string_view name = line.substr(space);
  if (!name.empty()) {
    // One blank, and the second character says text or binary; some programs write one blank only.
    name.remove_prefix(1);
    if (!name.empty() && (name[0] == ' ' || name[0] == '*')) name.remove_prefix(1);
    if (name.empty()) return std::nullopt;
  }
  entry->name = Normal(escaped ? Unescape(name) : std::string(name));
  return entry;
}

}  // namespace

ChecksumList ParseChecksumList(std::string_view text, std::optional<DigestAlgorithm> hint) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const char end = text.find('\0') == text.npos ? '\n' : '\0';
  ChecksumList list;
  for (std::string_view line : base::Split(text, end)) {
    if (line.size() > 2 * kMaxNameBytes) {
      ++list.bad_lines;
      continue;
    }
    if (end == '\n' && line.ends_with('\r')) line.remove_suffix(1);
    if (base::Trim(line).empty() || line.starts_with('#')) continue;
    const bool escaped = end == '\n' && line.starts_with('\\');
    if (escaped) line.remove_prefix(1);
    auto entry = ParseGnu(line, escaped, hint);
    if (!entry) entry = ParseBsd(line, escaped, hint);
    if (entry) {
      list.entries.push_back(std::move(*entry));
    } else {
      ++list.bad_lines;
    }
  }
  return list;
}

// Asked of every entry of a folder: short texts only, which need no allocation.
std::optional<ChecksumFileName> ParseChecksumFileName(std::string_view name) {
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  const std::string_view ending = name.substr(dot);
  if (dot > 0 && ending.size() <= kLongestEnding) {
    std::string word = base::Lower(ending);
    const Row* row = FindRow(word);
    if (row == nullptr && word.ends_with("sum")) {
      word.resize(word.size() - 3);
      row = FindRow(word);
    }
    if (row != nullptr) {
      return ChecksumFileName{std::string(name.substr(0, dot)), row->algorithm};
    }
  }
  if (name.size() > kLongestList) return std::nullopt;
  std::string word = base::Lower(name);
  if (word.ends_with(".txt")) word.resize(word.size() - 4);
  if (word == "checksums") return ChecksumFileName{"", std::nullopt};
  if (word.ends_with("sums")) word.pop_back();
  if (!word.ends_with("sum")) return std::nullopt;
  word.resize(word.size() - 3);
  const Row* row = FindRow("." + word);
  return row != nullptr ? std::optional(ChecksumFileName{"", row->algorithm}) : std::nullopt;
}

ListFolder::ListFolder(std::string path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  for (std::string prefix : {std::move(path), std::string(real ? real.get() : "")}) {
    if (prefix.empty()) continue;
    while (prefix.ends_with('/')) prefix.pop_back();
    prefixes_.push_back(std::move(prefix) + "/");
  }
}

std::string ListFolder::Relative(std::string name) const {
  for (const std::string& prefix : prefixes_) {
    if (!name.starts_with(prefix)) continue;
    return name.substr(std::min(name.find_first_not_of('/', prefix.size()), name.size()));
  }
  return name;
}

ChecksumFolder::ChecksumFolder(const std::string& folder, const std::vector<std::string>& names)
    : path_(folder), folder_(folder) {
  for (const std::string& name : names) {
    if (ParseChecksumFileName(name)) Read(name);
  }
}

void ChecksumFolder::Read(const std::string& name) {
  const std::string path = path_ + "/" + name;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  const auto text = base::ReadFile(path, kMaxChecksumListBytes);
  if (!text) {
    problems_.push_back(name + ": " + text.error().message);
    return;
  }
  Add(name, *text,
      base::Timestamp(std::chrono::duration_cast<base::Duration>(
          std::chrono::seconds(info.st_mtim.tv_sec) +
          std::chrono::nanoseconds(info.st_mtim.tv_nsec))));
}

void ChecksumFolder::Add(const std::string& name, std::string_view text, base::Timestamp listed) {
  const auto kind = ParseChecksumFileName(name);
  if (!kind) return;
  const ChecksumList list = ParseChecksumList(text, kind->algorithm);
  if (list.entries.empty()) {
    problems_.push_back(name + " holds no checksum");
    return;
  }
  for (const ChecksumEntry& entry : list.entries) {
    // A sidecar is about its own file whatever name stands in it: it may have been made elsewhere.
    const bool sidecar = !kind->target.empty() && list.entries.size() == 1;
    const std::string target = sidecar ? kind->target : folder_.Relative(entry.name);
    if (target.empty()) continue;
    std::vector<Expected>& expected = expected_[target];
    expected.push_back({entry.algorithm, entry.digest, name, listed});
    if (!entry.either) continue;
    expected.push_back({DigestAlgorithm::kBlake2b512, entry.digest, name, listed, true});
  }
}

std::vector<std::string> ChecksumFolder::NamesBelow(const std::string& prefix) const {
  std::vector<std::string> names;
  for (auto at = expected_.lower_bound(prefix);
       at != expected_.end() && at->first.starts_with(prefix); ++at) {
    names.push_back(at->first.substr(prefix.size()));
  }
  return names;
}

const std::vector<ChecksumFolder::Expected>& ChecksumFolder::Find(
    const std::string& relative) const {
  static const std::vector<Expected> kNothing;
  const auto found = expected_.find(relative);
  return found == expected_.end() ? kNothing : found->second;
}

}  // namespace drwatch::verify
