#include "verify/dump_tar.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/dump_data.h"
#include "verify/pg_dump_toc.h"
#include "verify/tar.h"
#include "verify/tar_contents.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kTocName = "toc.dat";
// Of the table of contents, which is kept until it is whole.
constexpr std::int64_t kMaxTocBytes = 40 << 20;
// The archive version from which on large objects come in groups.
constexpr int kMinorWithGroups = 16;

// Reads the table of contents when it has gone by, and then follows the members it asks for.
class DumpVisitor final : public TarVisitor {
 public:
  explicit DumpVisitor(const Reader& reader) : reader_(reader) {}

  Walked<void> Begin(const TarMember& member) override {
    in_toc_ = !header_ && member.name == kTocName;
    if (in_toc_ && member.size > kMaxTocBytes) {
      return Unjudged(Reason::kLimit, "table of contents larger than 40 MiB");
    }
    data_ = DumpData();
    const auto found = wanted_.find(member.name);
    if (found == wanted_.end()) {
      const bool packed = CompressionOfName(member.name).has_value();
      folder_ =
          folder_ || (packed && wanted_.contains(member.name.substr(0, member.name.rfind('.'))));
      return {};
    }
    found->second.there = true;
    data_ = DumpData(found->second.entry, encoding_);
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    if (in_toc_) toc_bytes_ += bytes;
    const auto wrong = data_.Add(bytes);
    if (!wrong) return {};
    const std::size_t behind = bytes.size() - wrong->at;
    return Broken(Reason::kCorrupt, reader_.offset() - static_cast<std::int64_t>(behind),
                  wrong->message);
  }
  Walked<void> End() override {
    if (in_toc_) return ReadToc();
    const auto missing = data_.Missing();
    if (!missing) return {};
    return Broken(Reason::kIncomplete, reader_.offset(), *missing);
  }
  // Once all members have gone by.
  Walked<void> CheckComplete() const;
  // nullopt: there was no table of contents.
  const std::optional<DumpHeader>& header() const { return header_; }
  std::vector<std::string> TakeTables() { return std::move(tables_); }
  bool has_rows() const { return has_rows_; }
  const std::optional<base::Timestamp>& begun() const { return begun_; }
  std::size_t parts() const { return wanted_.size(); }
  // Its files are packed one by one, as only a folder's are.
  bool folder() const { return folder_; }

 private:
  struct Part {
    DumpEntry entry;
    bool there = false;
  };
  Walked<void> ReadToc();

  const Reader& reader_;
  std::string toc_bytes_;
  std::optional<DumpHeader> header_;
  TextEncoding encoding_ = TextEncoding::kOther;
  std::vector<std::string> tables_;
  bool has_rows_ = false;
  std::optional<base::Timestamp> begun_;
  std::map<std::string, Part> wanted_;  // by member name
  DumpData data_;                       // of the current member
  bool in_toc_ = false;
  bool folder_ = false;
};

// Large objects are stored one by one beside a list of them, since PostgreSQL 17 (archive version
// 1.16) one list a group; the table of contents has the name that other data would have.
std::string LargeObjectList(const DumpHeader& header, const std::string& file) {
  if (header.minor < kMinorWithGroups) return "blobs.toc";
  return "blobs_" + file.substr(0, file.find('.')) + ".toc";
}

Walked<void> DumpVisitor::ReadToc() {
  MemorySource source(toc_bytes_);
  Reader reader(source);
  auto toc = ReadDumpToc(reader);
  if (!toc) {
    Fault fault = std::move(toc.error());
    if (fault.outcome == Outcome::kBroken) fault.place = "toc.dat: " + fault.place;
    return tl::unexpected(std::move(fault));
  }
  header_ = std::move(toc->header);
  encoding_ = toc->encoding;
  tables_ = std::move(toc->tables);
  has_rows_ = toc->has_rows;
  begun_ = toc->begun;
  toc_bytes_ = std::string();
  for (DumpEntry& entry : toc->data) {
    const std::string name = entry.content == DumpContent::kLargeObjects
                                 ? LargeObjectList(*header_, entry.file)
                                 : entry.file;
    wanted_[name].entry = std::move(entry);
  }
  return {};
}

Walked<void> DumpVisitor::CheckComplete() const {
  for (const auto& [name, part] : wanted_) {
    if (part.there) continue;
    return Broken(Reason::kIncomplete, reader_.offset(),
                  "member " + base::Quote(name) + " is needed and missing");
  }
  return {};
}

}  // namespace

bool LooksLikeDumpTar(std::string_view head) {
  return LooksLikeTar(head) && head.starts_with(kTocName) && head[kTocName.size()] == '\0';
}

Walked<Walk> WalkDumpTar(Reader& reader) {
  DumpVisitor visitor(reader);
  if (auto walked = WalkTarMembers(reader, visitor); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  if (!visitor.header()) return Broken(Reason::kCorrupt, 0, "the table of contents is not a file");
  if (visitor.folder()) {
    Walk walk;
    walk.again = [](Reader& whole) { return WalkTar(whole, {}); };
    return walk;
  }
  if (auto complete = visitor.CheckComplete(); !complete) {
    return tl::unexpected(std::move(complete.error()));
  }
  Walk walk;
  walk.format = DumpFormatName(*visitor.header());
  walk.level = Level::kFormat;
  walk.contents.tables = visitor.TakeTables();
  walk.contents.begun = visitor.begun();
  walk.details.push_back(std::to_string(visitor.parts()) + " entries with data");
  if (!visitor.has_rows()) walk.details.emplace_back(kNoRowsText);
  return walk;
}

}  // namespace drwatch::verify
