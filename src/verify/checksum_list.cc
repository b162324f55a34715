#include "verify/checksum_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/strings.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;

// Suffixes of sidecars; in upper case and followed by SUM or SUMS, names of lists.
struct Row {
  std::string_view suffix;
  std::optional<DigestAlgorithm> algorithm;
};
constexpr std::array<Row, 9> kRows = {{{"md5", DigestAlgorithm::kMd5},
                                       {"sha1", DigestAlgorithm::kSha1},
                                       {"sha224", DigestAlgorithm::kSha224},
                                       {"sha256", DigestAlgorithm::kSha256},
                                       {"sha384", DigestAlgorithm::kSha384},
                                       {"sha512", DigestAlgorithm::kSha512},
                                       {"b2", DigestAlgorithm::kBlake2b512},
                                       {"blake2b", DigestAlgorithm::kBlake2b512},
                                       {"checksum", std::nullopt}}};

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

// The algorithm of a digest with so many hex digits; a hint of another length counts for nothing.
std::optional<DigestAlgorithm> Choose(std::size_t hex_digits, std::optional<DigestAlgorithm> hint) {
  const auto by_length = AlgorithmOfLength(hex_digits);
  if (hex_digits == 128 && hint == DigestAlgorithm::kBlake2b512) return hint;
  return by_length;
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

// "SHA256 (name) = hex"
std::optional<ChecksumEntry> ParseBsd(std::string_view line, bool escaped) {
  const std::size_t open = line.find(" (");
  const std::size_t close = line.rfind(") = ");
  if (open == line.npos || close == line.npos || close < open + 2) return std::nullopt;
  const auto algorithm = base::ParseDigestName(line.substr(0, open));
  const auto digest = base::ParseHex(base::Trim(line.substr(close + 4)));
  if (!algorithm || !digest) return std::nullopt;
  if (digest->size() != base::ComputeDigest(*algorithm, "").size()) return std::nullopt;
  const std::string_view name = line.substr(open + 2, close - open - 2);
  return ChecksumEntry{*algorithm, *digest, Normal(escaped ? Unescape(name) : std::string(name))};
}

// "hex  name", "hex *name", "hex"
std::optional<ChecksumEntry> ParseGnu(std::string_view line, bool escaped,
                                      std::optional<DigestAlgorithm> hint) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const auto algorithm = Choose(space, hint);
  const auto digest = base::ParseHex(line.substr(0, space));
  if (!algorithm || !digest) return std::nullopt;
  std::string_view name = line.substr(space);
  if (!name.empty()) {
    // One blank, and the second character says text or binary; some programs write one blank only.
    name.remove_prefix(1);
    if (!name.empty() && (name[0] == ' ' || name[0] == '*')) name.remove_prefix(1);
    if (name.empty()) return std::nullopt;
  }
  return ChecksumEntry{*algorithm, *digest, Normal(escaped ? Unescape(name) : std::string(name))};
}

}  // namespace

ChecksumList ParseChecksumList(std::string_view text, std::optional<DigestAlgorithm> hint) {
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
    if (!entry) entry = ParseBsd(line, escaped);
    if (entry) {
      list.entries.push_back(std::move(*entry));
    } else {
      ++list.bad_lines;
    }
  }
  return list;
}

std::optional<ChecksumFileName> ParseChecksumFileName(std::string_view name) {
  const std::string lower = base::Lower(name);
  for (const Row& row : kRows) {
    const std::string word(row.suffix);
    for (const std::string& suffix : {"." + word, "." + word + "sum"}) {
      if (lower.size() > suffix.size() && lower.ends_with(suffix)) {
        return ChecksumFileName{std::string(name.substr(0, name.size() - suffix.size())),
                                row.algorithm};
      }
    }
    for (const char* ending : {"sum", "sums", "sum.txt", "sums.txt"}) {
      if (lower == word + ending) return ChecksumFileName{"", row.algorithm};
    }
  }
  if (lower == "checksums" || lower == "checksums.txt") return ChecksumFileName{"", std::nullopt};
  return std::nullopt;
}

ChecksumFolder::ChecksumFolder(const std::string& folder, const std::vector<std::string>& names)
    : path_(folder) {
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
    std::string target = sidecar ? kind->target : entry.name;
    if (!path_.empty() && target.starts_with(path_ + "/")) target.erase(0, path_.size() + 1);
    if (target.empty()) continue;
    expected_[target].push_back({entry.algorithm, entry.digest, name, listed});
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
