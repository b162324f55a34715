#include "verify/dump_tar.h"

#include <set>
#include <string>

#include "base/strings.h"
#include "verify/pg_dump_toc.h"
#include "verify/stream_tail.h"
#include "verify/tar.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kTocName = "toc.dat";
// Of the table of contents, which is kept until all members are known.
constexpr std::int64_t kMaxTocBytes = 256 << 20;

class DumpVisitor final : public TarVisitor {
 public:
  Walked<void> Begin(const TarMember& member) override {
    in_toc_ = toc_.empty() && member.name == kTocName;
    if (in_toc_ && member.size > kMaxTocBytes) {
      return Unjudged(Reason::kLimit, "table of contents larger than 256 MiB");
    }
    name_ = member.name;
    tail_ = StreamTail();
    names_.insert(member.name);
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    if (in_toc_) toc_ += bytes;
    tail_.Add(bytes);
    return {};
  }
  Walked<void> End() override {
    if (!RowsProblem(tail_)) whole_copies_.insert(name_);
    return {};
  }
  const std::string& toc() const { return toc_; }
  const std::set<std::string>& names() const { return names_; }
  // Members that end as rows do.
  const std::set<std::string>& whole_copies() const { return whole_copies_; }

 private:
  std::string toc_;
  std::set<std::string> names_;
  std::set<std::string> whole_copies_;
  std::string name_;
  StreamTail tail_;
  bool in_toc_ = false;
};

}  // namespace

bool LooksLikeDumpTar(std::string_view head) {
  return LooksLikeTar(head) && head.starts_with(kTocName) && head[kTocName.size()] == '\0';
}

Walked<Walk> WalkDumpTar(Reader& reader) {
  DumpVisitor visitor;
  if (auto walked = WalkTarMembers(reader, visitor); !walked) {
    return tl::unexpected(std::move(walked.error()));
  }
  MemorySource source(visitor.toc());
  Reader toc_reader(source);
  auto toc = ReadDumpToc(toc_reader);
  if (!toc) {
    Fault fault = std::move(toc.error());
    if (fault.outcome == Outcome::kBroken) fault.place = "toc.dat: " + fault.place;
    return tl::unexpected(std::move(fault));
  }
  for (const DumpEntry& entry : toc->data) {
    const std::string id = std::to_string(entry.id);
    // Large objects are stored one by one beside a list of them (one list a group since 17).
    const bool there = entry.large_objects ? visitor.names().contains("blobs.toc") ||
                                                 visitor.names().contains("blobs_" + id + ".toc")
                                           : visitor.names().contains(entry.file);
    if (!there) {
      return Broken(Reason::kIncomplete, reader.offset(), "data of entry " + id + " is missing");
    }
    if (entry.copy && !visitor.whole_copies().contains(entry.file)) {
      return Broken(Reason::kIncomplete, reader.offset(),
                    "the rows in member " + base::Quote(entry.file) + " are damaged");
    }
  }
  Walk walk;
  walk.format = DumpFormatName(toc->header);
  walk.level = Level::kFormat;
  walk.details.push_back(std::to_string(toc->data.size()) + " entries with data");
  return walk;
}

}  // namespace drwatch::verify
