#include "verify/tar.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::int64_t kBlockBytes = 512;
// Names and pax records beyond this are not read. No file system has such names; the list of a
// folder in an incremental archive has room for a hundred thousand files.
constexpr std::int64_t kMaxExtensionBytes = 4 << 20;
constexpr std::string_view kMember = "a tar member";

std::string_view Text(std::string_view block, std::size_t at, std::size_t size) {
  const std::string_view field = block.substr(at, size);
  return field.substr(0, field.find('\0'));
}

// Octal, or base-256 if the first bit is set. nullopt: neither, or negative.
std::optional<std::int64_t> Number(std::string_view field) {
  const auto first = static_cast<unsigned char>(field[0]);
  std::int64_t value = 0;
  if ((first & 0x80) != 0) {
    if (first != 0x80) return std::nullopt;
    for (const char c : field.substr(1)) {
      if (value > (INT64_MAX >> 8)) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  const std::string_view digits = base::Trim(field.substr(0, field.find('\0')));
  for (const char c : digits) {
    if (c < '0' || c > '7' || value > (INT64_MAX >> 3)) return std::nullopt;
    value = value << 3 | (c - '0');
  }
  return value;
}

bool ChecksumMatches(std::string_view block) {
  const auto expected = Number(block.substr(148, 8));
  std::int64_t as_unsigned = 0;
  std::int64_t as_signed = 0;  // some old programs
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char c = i >= 148 && i < 156 ? ' ' : block[i];
    as_unsigned += static_cast<unsigned char>(c);
    as_signed += static_cast<signed char>(c);
  }
  return expected && (*expected == as_unsigned || *expected == as_signed);
}

// What a member holds.
class MemberContent final : public Source {
 public:
  MemberContent(Reader& reader, const TarMember& member)
      : reader_(reader), member_(member), left_(member.size) {}
  Walked<std::string_view> Next() override {
    if (left_ == 0) return "";
    auto bytes = reader_.Some(left_);
    if (bytes && bytes->empty()) {
      return Broken(Reason::kIncomplete, reader_.offset(),
                    "ends in tar member " + base::Quote(base::Truncate(member_.name, 200)));
    }
    if (bytes) left_ -= static_cast<std::int64_t>(bytes->size());
    return bytes;
  }

 private:
  Reader& reader_;
  const TarMember& member_;
  std::int64_t left_;
};

class TarWalker {
 public:
  TarWalker(Reader& reader, TarVisitor& visitor) : reader_(reader), visitor_(visitor) {}

  Walked<void> Run() {
    while (true) {
      const std::int64_t begin = reader_.offset();
      auto block = reader_.Take(kBlockBytes, "a tar archive that has no end marker");
      if (!block) return tl::unexpected(std::move(block.error()));
      if (FirstNonZero(*block) == std::string_view::npos) return CheckEnd();
      if (!ChecksumMatches(*block)) {
        return Broken(Reason::kCorrupt, begin, "tar header checksum differs");
      }
      if (auto header = Header(std::string(*block), begin); !header) return header;
    }
  }

 private:
  Walked<void> Header(const std::string& block, std::int64_t begin);
  Walked<void> Member(TarMember member, std::int64_t begin);
  Walked<void> FolderList(TarMember member, std::string_view list);
  Walked<std::string> Extension(std::int64_t size, std::int64_t begin);
  Walked<void> SkipSparseMap(const std::string& block);
  Walked<void> ReadPax(const std::string& records, std::int64_t begin);
  Walked<void> CheckEnd();
  Walked<void> SkipPadding(std::int64_t size) {
    return reader_.Skip((kBlockBytes - size % kBlockBytes) % kBlockBytes, kMember);
  }

  Reader& reader_;
  TarVisitor& visitor_;
  // What extension headers said of the next member.
  std::optional<std::string> next_name_;
  std::optional<std::string> next_link_;
  std::optional<std::int64_t> next_size_;
  std::optional<std::string> next_folder_list_;
  bool next_sparse_ = false;
};

Walked<std::string> TarWalker::Extension(std::int64_t size, std::int64_t begin) {
  if (size > kMaxExtensionBytes) {
    return Broken(Reason::kCorrupt, begin, "tar extension header of impossible size");
  }
  std::string content;
  while (static_cast<std::int64_t>(content.size()) < size) {
    auto bytes = reader_.Some(size - static_cast<std::int64_t>(content.size()));
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) {
      return Broken(Reason::kIncomplete, reader_.offset(), "ends in a tar extension header");
    }
    content += *bytes;
  }
  if (auto padding = SkipPadding(size); !padding) {
    return tl::unexpected(std::move(padding.error()));
  }
  return content;
}

// "<length> <key>=<value>\n"*, POSIX.1-2001 pax.
Walked<void> TarWalker::ReadPax(const std::string& records, std::int64_t begin) {
  std::string_view left = records;
  while (!left.empty()) {
    const std::size_t space = left.find(' ');
    const auto length = base::ParseInt(left.substr(0, space));
    if (!length || space == std::string_view::npos ||
        *length <= static_cast<std::int64_t>(space) + 1 ||
        *length > static_cast<std::int64_t>(left.size())) {
      return Broken(Reason::kCorrupt, begin, "damaged pax header");
    }
    const std::string_view record =
        left.substr(space + 1, static_cast<std::size_t>(*length) - space - 2);
    const std::size_t equals = record.find('=');
    const std::string_view key = record.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : record.substr(equals + 1);
    // GNU tar gives a sparse member another name, and its own in a record.
    if (key == "path" && !next_sparse_) next_name_ = std::string(value);
    if (key == "GNU.sparse.name") next_name_ = std::string(value);
    if (key.starts_with("GNU.sparse.")) next_sparse_ = true;
    if (key == "GNU.dumpdir") next_folder_list_ = std::string(value);
    if (key == "linkpath") next_link_ = std::string(value);
    if (key == "size") {
      next_size_ = base::ParseInt(value);
      if (!next_size_ || *next_size_ < 0) {
        return Broken(Reason::kCorrupt, begin, "damaged size in a pax header");
      }
    }
    left.remove_prefix(static_cast<std::size_t>(*length));
  }
  return {};
}

Walked<void> TarWalker::Header(const std::string& block, std::int64_t begin) {
  const auto size = Number(std::string_view(block).substr(124, 12));
  if (!size) return Broken(Reason::kCorrupt, begin, "impossible size in a tar header");
  const char type = block[156];
  if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
    auto content = Extension(*size, begin);
    if (!content) return tl::unexpected(std::move(content.error()));
    if (type == 'L') next_name_ = content->substr(0, content->find('\0'));
    if (type == 'K') next_link_ = content->substr(0, content->find('\0'));
    if (type == 'x') return ReadPax(*content, begin);
    return {};
  }
  TarMember member;
  member.type = type;
  member.size = next_size_.value_or(*size);
  member.modified = Number(std::string_view(block).substr(136, 12)).value_or(0);
  const bool ustar = block.compare(257, 6, std::string_view("ustar\0", 6)) == 0;
  const std::string_view prefix = ustar ? Text(block, 345, 155) : std::string_view();
  member.name = std::string(Text(block, 0, 100));
  if (!prefix.empty()) member.name = std::string(prefix) + "/" + member.name;
  if (next_name_) member.name = *next_name_;
  if (type == '1' || type == '2')
    member.link = next_link_.value_or(std::string(Text(block, 157, 100)));
  next_name_.reset();
  next_link_.reset();
  next_size_.reset();
  member.sparse = std::exchange(next_sparse_, false) || type == 'S';
  // Links, folders and devices have no content whatever the size field says.
  if (type >= '1' && type <= '6') member.size = 0;
  if (type == 'S') {
    if (auto map = SkipSparseMap(block); !map) return map;
  }
  return Member(std::move(member), begin);
}

// GNU's old sparse format: the map goes on in blocks of their own while a flag says so.
Walked<void> TarWalker::SkipSparseMap(const std::string& block) {
  bool more = block[482] != '\0';
  while (more) {
    auto map = reader_.Take(kBlockBytes, "a sparse map");
    if (!map) return tl::unexpected(std::move(map.error()));
    more = (*map)[504] != '\0';
  }
  return {};
}

Walked<void> TarWalker::Member(TarMember member, std::int64_t begin) {
  if (LeavesFolder(member.name)) {
    return Broken(Reason::kWrongFormat, begin,
                  "member " + base::Quote(base::Truncate(member.name, 200)) +
                      " would be unpacked outside of its folder");
  }
  while (member.name.starts_with("./")) member.name.erase(0, 2);
  const auto list = std::exchange(next_folder_list_, std::nullopt);
  if (list && member.type == '5') return FolderList(std::move(member), *list);
  if (auto told = visitor_.Begin(member); !told) return told;
  MemberContent content(reader_, member);
  if (auto told = visitor_.Content(content); !told) return told;
  if (auto rest = Drain(content); !rest) return tl::unexpected(std::move(rest.error()));
  if (auto padding = SkipPadding(member.size); !padding) return padding;
  return visitor_.End();
}

// An incremental archive of GNU tar in the format of POSIX: the list is a record of the folder,
// where in GNU's own format it is the content of a 'D' member. Told as such a member.
Walked<void> TarWalker::FolderList(TarMember member, std::string_view list) {
  member.type = 'D';
  member.size = static_cast<std::int64_t>(list.size());
  if (auto told = visitor_.Begin(member); !told) return told;
  MemorySource content(list);
  if (auto told = visitor_.Content(content); !told) return told;
  return visitor_.End();
}

// After the first zero block: another one, then nothing but zeros. pixz puts an index of the
// members behind them, which every tar program ignores.
Walked<void> TarWalker::CheckEnd() {
  constexpr std::string_view kPixzIndex = "\xa6\x4c\x32\x2e\xd6\x14\xae\xdb";
  const std::int64_t begin = reader_.offset();
  if (auto zeros = reader_.SkipZeros(); !zeros) return zeros;
  auto rest = reader_.Peek(kPixzIndex.size());
  if (!rest) return tl::unexpected(std::move(rest.error()));
  if (!rest->empty() && *rest != kPixzIndex) {
    return Broken(Reason::kCorrupt, reader_.offset(), "bytes after the end of the tar archive");
  }
  if (reader_.offset() - begin < kBlockBytes) {
    return Broken(Reason::kIncomplete, reader_.offset(), "ends in the end marker of a tar archive");
  }
  while (!rest->empty()) {
    rest = reader_.Some(INT64_MAX);
    if (!rest) return tl::unexpected(std::move(rest.error()));
  }
  return {};
}

}  // namespace

Walked<void> TarVisitor::Content(Source& content) {
  while (true) {
    auto bytes = content.Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return {};
    if (auto told = Data(*bytes); !told) return told;
  }
}

bool LeavesFolder(std::string_view name) {
  const auto parts = base::Split(name, '/');
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

bool LooksLikeTar(std::string_view head) {
  if (head.size() < kBlockBytes) return false;
  if (head.substr(257, 5) == "ustar") return true;
  // GNU: the label of a volume, and the rest of a member of the volume before it.
  const bool volume = head[156] == 'V' || head[156] == 'M';
  if (volume && ChecksumMatches(head.substr(0, kBlockBytes))) return true;
  // UNIX version 7 has no magic number: a name, sizes in octal digits, and the right checksum.
  const std::string_view block = head.substr(0, kBlockBytes);
  const auto is_octal = [block](std::size_t at, std::size_t size) {
    const std::string_view field = block.substr(at, size);
    return field.find_first_not_of(std::string_view("01234567 \0", 10)) == field.npos &&
           field.find_first_of("01234567") != field.npos;
  };
  return block[0] != '\0' && is_octal(100, 8) && is_octal(124, 12) && is_octal(148, 8) &&
         ChecksumMatches(block);
}

Walked<void> WalkTarMembers(Reader& reader, TarVisitor& visitor) {
  return TarWalker(reader, visitor).Run();
}

}  // namespace drwatch::verify
