#include "verify/checksum_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/sizes.h"
#include "base/strings.h"
#include "verify/blake2b.h"
#include "verify/checksum_reader.h"
#include "verify/file_source.h"
#include "verify/look_alikes.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;

// Suffixes of sidecars, also followed by "sum" or "sums"; without the dot and followed by SUM or
// SUMS in either case, with or without a dot between, names of lists. Both also with ".txt".
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
constexpr std::size_t kLongestEnding = std::string_view(".checksumsums").size();
constexpr std::size_t kLongestList = std::string_view("checksum.sums").size();

const Row* FindRow(std::string_view suffix) {
  const auto found = std::find_if(kRows.begin(), kRows.end(),
                                  [suffix](const Row& row) { return row.suffix == suffix; });
  return found == kRows.end() ? nullptr : &*found;
}

// "b2" of "b2sum" and "b2sums". Empty: it ends in neither.
std::string_view WithoutSum(std::string_view word) {
  for (const std::string_view ending : {"sums", "sum"}) {
    if (word.ends_with(ending)) return word.substr(0, word.size() - ending.size());
  }
  return {};
}

bool IsUpper(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// What the name of a list says, in small letters and without ".txt": "sha256sums", "sha256.sums",
// "shasums256" of Node.js. `bare`: "sha256", too. nullopt: it is no list's name.
std::optional<ChecksumFileName> ParseListName(std::string word, bool bare) {
  constexpr std::string_view kShaSums = "shasums";
  if (word == "checksum" || word == "checksums" || word == "shasum" || word == kShaSums) {
    return ChecksumFileName{"", std::nullopt};
  }
  if (word.starts_with(kShaSums)) {
    word.erase(std::string_view("sha").size(), std::string_view("sums").size());
    bare = true;
  }
  std::string_view what = WithoutSum(word);
  if (what.ends_with('.')) what.remove_suffix(1);
  // A "b2" may be anything.
  if (what.empty() && bare && word != "b2") what = word;
  const Row* row = what.empty() ? nullptr : FindRow("." + std::string(what));
  return row != nullptr ? std::optional(ChecksumFileName{"", row->algorithm}) : std::nullopt;
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
// Within so much of a list whose lines end with NUL there is one: a line may be that long.
constexpr std::size_t kTellingBytes = 4 * kMaxNameBytes;

// An entry without a tag: its digest alone tells. A hint of another length counts for nothing, but
// that of BLAKE2b, which comes in every length ("b2sum -l 256").
std::optional<ChecksumEntry> Untagged(std::string_view hex, std::optional<DigestAlgorithm> hint) {
  auto algorithm = AlgorithmOfLength(hex.size());
  if (hint == DigestAlgorithm::kBlake2b512) {
    const bool fits = !hex.empty() && hex.size() <= 2 * Blake2b::kMaxDigestBytes;
    algorithm = fits ? hint : std::nullopt;
  }
  auto digest = base::ParseHex(hex);
  if (!algorithm || !digest) return std::nullopt;
  const bool guessed = hint != algorithm && !LookAlikesOf(digest->size()).empty();
  return ChecksumEntry{*algorithm, *std::move(digest), {}, guessed};
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

struct Tag {
  DigestAlgorithm algorithm;
  std::size_t digest_bytes;
};

// "SHA256", "BLAKE2b-256", and as OpenSSL 3 writes them "SHA2-256", "BLAKE2B-512". nullopt: not
// known.
std::optional<Tag> ParseTag(std::string_view tag) {
  constexpr std::string_view kSha2 = "SHA2-";
  constexpr std::string_view kBlake2b = "blake2b-";
  if (base::Lower(tag).starts_with(kBlake2b)) {
    const auto bits = base::ParseInt(tag.substr(kBlake2b.size()));
    constexpr std::int64_t kMaxBits = 8 * Blake2b::kMaxDigestBytes;
    if (!bits || *bits <= 0 || *bits > kMaxBits || *bits % 8 != 0) return std::nullopt;
    return Tag{DigestAlgorithm::kBlake2b512, static_cast<std::size_t>(*bits / 8)};
  }
  const auto algorithm = base::ParseDigestName(
      tag.starts_with(kSha2) ? "SHA" + std::string(tag.substr(kSha2.size())) : std::string(tag));
  if (!algorithm) return std::nullopt;
  return Tag{*algorithm, base::ComputeDigest(*algorithm, "").size()};
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
  } else if (const auto tag = ParseTag(line.substr(0, open))) {
    auto digest = base::ParseHex(hex);
    const bool fits = digest && digest->size() == tag->digest_bytes;
    if (fits) entry = ChecksumEntry{tag->algorithm, *std::move(digest), {}};
  }
  if (entry) entry->name = Normal(escaped ? Unescape(name) : std::string(name));
  return entry;
}

// "hex  name", "hex *name", "hex"
std::optional<ChecksumEntry> ParseGnu(std::string_view line, bool escaped,
                                      std::optional<DigestAlgorithm> hint) {
  const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
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

base::Status ReadList(const std::string& path, ListedFiles& files) {
  ReadBudget budget{VerifyOptions{}};
  auto file = FileSource::Open(path, budget, nullptr);
  if (!file) return base::Fail(std::move(file.error().message));
  while (true) {
    const auto bytes = file->Next();
    if (!bytes) return base::Fail(bytes.error().message);
    if (bytes->empty()) return {};
    files.Add(*bytes);
  }
}

}  // namespace

ChecksumList ParseChecksumList(std::string_view text, std::optional<DigestAlgorithm> hint) {
  ChecksumList list;
  ChecksumReader reader(hint,
                        [&list](ChecksumEntry entry) { list.entries.push_back(std::move(entry)); });
  reader.Add(text);
  reader.Finish();
  list.bad_lines = reader.bad_lines();
  return list;
}

void ChecksumReader::Add(std::string_view bytes) {
  text_ += bytes;
  if (!end_ && text_.size() < kTellingBytes) return;
  Begin();
  TakeLines(Rest::kWaits);
}

void ChecksumReader::Finish() {
  Begin();
  TakeLines(Rest::kIsLine);
}

void ChecksumReader::Begin() {
  if (end_) return;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  end_ = std::string_view(text_).substr(0, kTellingBytes).find('\0') == text_.npos ? '\n' : '\0';
}

void ChecksumReader::TakeLines(Rest rest) {
  std::size_t begin = 0;
  for (std::size_t end = text_.find(*end_); end != text_.npos; end = text_.find(*end_, begin)) {
    if (!std::exchange(overlong_, false)) {
      TakeLine(std::string_view(text_).substr(begin, end - begin));
    }
    begin = end + 1;
  }
  text_.erase(0, begin);
  if (rest == Rest::kIsLine) {
    if (!overlong_) TakeLine(text_);
    text_.clear();
  } else if (text_.size() > 2 * kMaxNameBytes) {
    if (!std::exchange(overlong_, true)) ++bad_lines_;
    text_.clear();
  }
}

void ChecksumReader::TakeLine(std::string_view line) {
  if (line.size() > 2 * kMaxNameBytes) {
    ++bad_lines_;
    return;
  }
  if (end_ == '\n' && line.ends_with('\r')) line.remove_suffix(1);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (base::Trim(line).empty() || line.starts_with('#')) return;
  const bool escaped = end_ == '\n' && line.starts_with('\\');
  if (escaped) line.remove_prefix(1);
  auto entry = ParseGnu(line, escaped, hint_);
  if (!entry) entry = ParseBsd(line, escaped, hint_);
  if (entry) {
    take_(*std::move(entry));
  } else {
    ++bad_lines_;
  }
}

ListedFiles::ListedFiles(ChecksumFileName kind, const ListFolder& folder, Take take)
    : kind_(std::move(kind)),
      folder_(folder),
      take_(std::move(take)),
      reader_(kind_.algorithm, [this](ChecksumEntry entry) { Entry(std::move(entry)); }) {}

void ListedFiles::Entry(ChecksumEntry entry) {
  if (!std::exchange(any_, true) && !kind_.target.empty()) {
    only_ = std::move(entry);
    return;
  }
  if (only_) Tell(*std::exchange(only_, std::nullopt));
  Tell(entry);
}

void ListedFiles::Tell(const ChecksumEntry& entry) {
  const std::string target = folder_.Relative(entry.name);
  if (!target.empty()) take_(target, entry);
}

void ListedFiles::Finish() {
  reader_.Finish();
  if (only_) take_(folder_.TargetOf(kind_.target, only_->name), *only_);
}

// Asked of every entry of a folder: short texts only, which need no allocation.
std::optional<ChecksumFileName> ParseChecksumFileName(std::string_view name) {
  constexpr std::string_view kText = ".txt";
  const std::size_t stem = name.size() - std::min(name.size(), kText.size());
  const bool is_text = base::Lower(name.substr(stem)) == kText;
  if (is_text) name = name.substr(0, stem);
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  const std::string_view ending = name.substr(dot);
  if (dot > 0 && ending.size() <= kLongestEnding) {
    const std::string word = base::Lower(ending);
    const Row* row = FindRow(word);
    if (row == nullptr) row = FindRow(WithoutSum(word));
    if (row != nullptr) {
      return ChecksumFileName{std::string(name.substr(0, dot)), row->algorithm};
    }
  }
  if (name.size() > kLongestList) return std::nullopt;
  return ParseListName(base::Lower(name), is_text || IsUpper(name));
}

ListFolder::ListFolder(std::string path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  for (std::string prefix : {std::move(path), std::string(real ? real.get() : "")}) {
    if (prefix.empty()) continue;
    while (prefix.ends_with('/')) prefix.pop_back();
    prefixes_.push_back(std::move(prefix) + "/");
  }
  has_ = [folder = prefixes_.front()](const std::string& name) {
    struct stat info {};
    return ::stat((folder + name).c_str(), &info) == 0 && S_ISREG(info.st_mode);
  };
}

std::string ListFolder::Relative(std::string name) const {
  for (const std::string& prefix : prefixes_) {
    if (!name.starts_with(prefix)) continue;
    return name.substr(std::min(name.find_first_not_of('/', prefix.size()), name.size()));
  }
  if (name.empty() || !has_) return name;
  const bool by_windows = name.find('\\') != name.npos;
  const bool read_otherwise = name[0] == 'U' || name[0] == '^';
  if ((!by_windows && !read_otherwise) || has_(name)) return name;
  if (read_otherwise) return has_(name.substr(1)) ? std::string() : name;
  std::string slashed = name;
  std::replace(slashed.begin(), slashed.end(), '\\', '/');
  return has_(slashed) ? slashed : name;
}

std::string ListFolder::TargetOf(const std::string& target, const std::string& listed) const {
  if (!has_ || has_(target)) return target;
  const std::string name = Relative(listed);
  const bool here = !name.empty() && name != "-" && name.find('/') == name.npos;
  return here || has_(name) ? name : target;
}

ChecksumFolder::ChecksumFolder(const std::string& folder, const std::vector<std::string>& names) {
  const ListFolder list_folder(folder);
  for (const std::string& name : names) {
    if (ParseChecksumFileName(name)) Read(folder + "/" + name, name, list_folder);
  }
  Sort();
}

void ChecksumFolder::Read(const std::string& path, const std::string& name,
                          const ListFolder& folder) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (info.st_size > kMaxChecksumListBytes) {
    problems_.push_back(name + ": longer than " + base::FormatSize(kMaxChecksumListBytes));
    return;
  }
  const auto listed = base::Timestamp(std::chrono::duration_cast<base::Duration>(
      std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec)));
  AddFile(name, listed, folder, [&path](ListedFiles& files) { return ReadList(path, files); });
}

void ChecksumFolder::Add(const std::string& name, std::string_view text, base::Timestamp listed,
                         const ListFolder& folder) {
  AddFile(name, listed, folder, [text](ListedFiles& files) {
    files.Add(text);
    return base::Status();
  });
}

void ChecksumFolder::AddFile(const std::string& name, base::Timestamp listed,
                             const ListFolder& folder, const Feed& feed) {
  const auto kind = ParseChecksumFileName(name);
  if (!kind) return;
  const auto source = static_cast<std::uint32_t>(sources_.size());
  const std::size_t before = rows_.size();
  const auto take = [&](const std::string& target, const ChecksumEntry& entry) {
    Row& row = rows_.emplace_back();
    row.text = texts_.Keep(target + entry.digest).data();
    row.source = source;
    row.name_bytes = static_cast<std::uint16_t>(target.size());
    row.digest_bytes = static_cast<std::uint8_t>(entry.digest.size());
    row.algorithm = static_cast<std::uint8_t>(entry.algorithm) & 0x7f;
    row.guessed = entry.guessed ? 1 : 0;
  };
  ListedFiles files(*kind, folder, take);
  if (const auto fed = feed(files); !fed) {
    rows_.resize(before);
    problems_.push_back(name + ": " + fed.error().message);
    return;
  }
  files.Finish();
  if (!files.any()) problems_.push_back(name + " holds no checksum");
  sources_.push_back({name, listed});
}

void ChecksumFolder::Sort() {
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.name() < b.name(); });
  sorted_ = rows_.size();
}

ChecksumFolder::Expected ChecksumFolder::Tell(const Row& row) const {
  const SourceFile& source = sources_[row.source];
  return {static_cast<DigestAlgorithm>(row.algorithm), std::string(row.digest()), source.name,
          source.listed, row.guessed != 0};
}

std::vector<std::string> ChecksumFolder::NamesBelow(const std::string& prefix) const {
  std::vector<std::string> names;
  const auto behind = rows_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  auto at =
      std::lower_bound(rows_.begin(), behind, prefix,
                       [](const Row& row, const std::string& value) { return row.name() < value; });
  for (; at != rows_.end(); ++at) {
    if (at->name().starts_with(prefix)) {
      names.emplace_back(at->name().substr(prefix.size()));
    } else if (at < behind) {
      at = behind - 1;
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<ChecksumFolder::Expected> ChecksumFolder::Find(const std::string& relative) const {
  std::vector<Expected> found;
  const auto behind = rows_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  auto at =
      std::lower_bound(rows_.begin(), behind, relative,
                       [](const Row& row, const std::string& value) { return row.name() < value; });
  for (; at != behind && at->name() == relative; ++at) found.push_back(Tell(*at));
  for (at = behind; at != rows_.end(); ++at) {
    if (at->name() == relative) found.push_back(Tell(*at));
  }
  return found;
}

}  // namespace drwatch::verify
