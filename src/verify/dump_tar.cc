#include "verify/dump_tar.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "verify/pg_dump_toc.h"
#include "verify/stream_tail.h"
#include "verify/tar.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kTocName = "toc.dat";
// Of the table of contents, which is kept until it is whole.
constexpr std::int64_t kMaxTocBytes = 40 << 20;

// Reads the table of contents when it has gone by, and then only remembers what it asks for.
class DumpVisitor final : public TarVisitor {
 public:
  Walked<void> Begin(const TarMember& member) override {
    in_toc_ = !header_ && member.name == kTocName;
    if (in_toc_ && member.size > kMaxTocBytes) {
      return Unjudged(Reason::kLimit, "table of contents larger than 40 MiB");
    }
    const auto found = wanted_.find(member.name);
    part_ = found == wanted_.end() ? nullptr : &found->second;
    if (part_ != nullptr) part_->there = true;
    tail_ = StreamTail();
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    if (in_toc_) toc_bytes_ += bytes;
    if (part_ != nullptr) tail_.Add(bytes);
    return {};
  }
  Walked<void> End() override {
    if (part_ != nullptr) part_->rows = !RowsProblem(tail_);
    return in_toc_ ? ReadToc() : Walked<void>();
  }
  // Once all members have gone by.
  Walked<void> CheckComplete(std::int64_t offset) const;
  // nullopt: there was no table of contents.
  const std::optional<DumpHeader>& header() const { return header_; }
  std::vector<std::string> TakeTables() { return std::move(tables_); }
  std::size_t parts() const { return wanted_.size(); }

 private:
  struct Part {
    bool copy = false;  // it must hold rows
    bool there = false;
    bool rows = false;  // it ends as they do
  };
  Walked<void> ReadToc();

  std::string toc_bytes_;
  std::optional<DumpHeader> header_;
  std::vector<std::string> tables_;
  std::map<std::string, Part> wanted_;  // by member name
  Part* part_ = nullptr;                // of the current member
  StreamTail tail_;
  bool in_toc_ = false;
};

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
  tables_ = std::move(toc->tables);
  toc_bytes_ = std::string();
  for (const DumpEntry& entry : toc->data) {
    // Large objects are stored one by one beside a list of them (one list a group since 17).
    const bool grouped = entry.file.starts_with("blobs_");
    const std::string name = entry.large_objects && !grouped ? "blobs.toc" : entry.file;
    wanted_[name].copy = entry.copy;
  }
  return {};
}

Walked<void> DumpVisitor::CheckComplete(std::int64_t offset) const {
  for (const auto& [name, part] : wanted_) {
    if (part.there && (part.rows || !part.copy)) continue;
    return Broken(Reason::kIncomplete, offset,
                  "member " + base::Quote(name) +
                      (part.there ? " holds damaged rows" : " is needed and missing"));
  }
  return {};
}

}  // namespace

bool LooksLikeDumpTar(std::string_view head) {
  return LooksLikeTar(head) && head.starts_with(kTocName) && head[kTocName.size()] == '\0';
}

Walked<Walk> WalkDumpTar(Reader& reader) {
  DumpVisitor visitor;
  if (auto walked = WalkTarMembers(reader, visitor); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  if (!visitor.header()) return Broken(Reason::kCorrupt, 0, "the table of contents is not a file");
  if (auto complete = visitor.CheckComplete(reader.offset()); !complete) {
    return tl::unexpected(std::move(complete.error()));
  }
  Walk walk;
  walk.format = DumpFormatName(*visitor.header());
  walk.level = Level::kFormat;
  walk.contents.tables = visitor.TakeTables();
  walk.details.push_back(std::to_string(visitor.parts()) + " entries with data");
  return walk;
}

}  // namespace drwatch::verify
