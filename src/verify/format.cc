#include "verify/format.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "verify/aof.h"
#include "verify/backup_name.h"
#include "verify/bson.h"
#include "verify/decoder.h"
#include "verify/dump_tar.h"
#include "verify/encrypted.h"
#include "verify/json.h"
#include "verify/pg_dump.h"
#include "verify/rdb.h"
#include "verify/recognise.h"
#include "verify/sql_dump.h"
#include "verify/tar.h"
#include "verify/tar_contents.h"
#include "verify/wal_name.h"
#include "verify/wal_segment.h"
#include "verify/wal_walk.h"
#include "verify/yaml.h"
#include "verify/zip.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// A line a format.
struct Format {
  bool (*matches)(std::string_view head);
  Walked<Walk> (*walk)(Reader& reader);
};
constexpr std::array<Format, 6> kFormats = {{
    {LooksLikeDump, WalkDump},
    {LooksLikeSqlDump, WalkSqlDump},
    {LooksLikeDumpTar, WalkDumpTar},
    {LooksLikeRdb, WalkRdb},
    {LooksLikeAof, WalkAof},
    {LooksLikeMongoArchive, WalkMongoArchive},
}};

// Passes on what a decoder makes, within the limit of kMaxExpansionRatio.
class Unpacked final : public Source {
 public:
  Unpacked(Decoder& decoder, const Reader& file) : decoder_(decoder), file_(file) {}
  Walked<std::string_view> Next() override {
    auto bytes = decoder_.Next();
    failed_ = !bytes;
    if (!bytes) return bytes;
    total_ += static_cast<std::int64_t>(bytes->size());
    if (total_ > kExpansionFloorBytes && total_ / kMaxExpansionRatio > file_.offset()) {
      failed_ = true;
      return Unjudged(Reason::kLimit, "unpacks to more than " + std::to_string(kMaxExpansionRatio) +
                                          " times its size");
    }
    return bytes;
  }
  // True if the last fault came from below the decoder's output.
  bool failed() const { return failed_; }
  std::int64_t total() const { return total_; }

 private:
  Decoder& decoder_;
  const Reader& file_;
  std::int64_t total_ = 0;
  bool failed_ = false;
};

using InnerWalk = std::function<Walked<Walk>(Reader& inner)>;

// Unpacks `reader`, which is `file` or what came out of it, and has `walk` walk what is inside.
Walked<Walk> Unpack(Reader& reader, const Reader& file, Compression compression,
                    const InnerWalk& inner_walk) {
  const auto decoder = MakeDecoder(compression, reader);
  Unpacked unpacked(*decoder, file);
  Reader inner(unpacked);
  auto walk = inner_walk(inner);
  // A walker may be content with what there is of a stream that is still being written.
  auto rest = walk && !unpacked.failed() ? Drain(unpacked) : Walked<std::int64_t>(0);
  if (!walk || !rest) {
    Fault fault = walk ? rest.error() : walk.error();
    if (!unpacked.failed() && fault.place.starts_with("byte ")) {
      fault.place = "unpacked " + fault.place;
    }
    return tl::unexpected(std::move(fault));
  }
  if (walk->again) {
    walk->again = [again = std::move(walk->again), compression](Reader& whole) {
      return Unpack(whole, whole, compression, again);
    };
    return walk;
  }
  const std::string name(CompressionName(compression));
  walk->contents.unpacked_bytes = std::max(walk->contents.unpacked_bytes, unpacked.total());
  if (!decoder->checked()) walk->details.push_back(name + " data without a checksum of its own");
  const bool known = walk->level >= Level::kFormat;
  if (known && decoder->checked()) walk->level = Level::kContent;
  const bool empty = walk->level == Level::kExists;
  const bool nothing_yet = !known && walk->cut_off;
  if (!nothing_yet && ((!known && !empty) || unpacked.failed())) walk->level = Level::kFormat;
  if (!known && !walk->doubt.empty()) walk->details.push_back(std::exchange(walk->doubt, {}));
  walk->format =
      (walk->format.empty() ? std::string(kUnknownContent) : walk->format) + " in " + name;
  return walk;
}

// A JSON file that mentions errors somewhere is only one when it begins with them.
bool MayBeState(std::string_view head) {
  std::string start;
  for (const char c : head) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') start += c;
  }
  return start.starts_with('{') && !base::Lower(start).starts_with("{\"error");
}

// What only a name tells from other texts. nullopt: `name` does not.
std::optional<Walked<Walk>> WalkText(Reader& reader, std::string_view head,
                                     const std::string& name) {
  if (PromisesBson(name)) return WalkBson(reader);
  const bool wide = head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff");  // UTF-16
  if (wide) return std::nullopt;
  if (PromisesJson(name)) return WalkJson(reader);
  if (PromisesYaml(name)) return WalkYaml(reader);
  return std::nullopt;
}

// Of what is packed in a file of this name. That it is being packed says its end.
std::string InnerName(const std::string& name) {
  if (IsBeingPacked(name)) return name;
  return name.substr(0, name.rfind('.'));
}

// What else a fault says of a content that may be meant to be so.
std::string DoubtOf(Fault fault) {
  const bool nowhere = fault.place.empty() || fault.place == "byte 0";
  return (nowhere ? "" : std::move(fault.place) + ": ") + std::move(fault.message);
}

// Why a file is taken for a backup whatever it looks like.
enum class Claim {
  kArtefact,  // it is the artefact
  kName,      // it is named like one among the files of a folder,
  kKept,      // or as something packed or copied: it may have been empty before
  kPacking,   // its name says that it is packed, and that anything may be in it
  kNone,
};

Claim ClaimOfMember(std::string_view name) {
  switch (ClaimOfName(name)) {
    case NameClaim::kBackup:
      return Claim::kName;
    case NameClaim::kKept:
      return Claim::kKept;
    case NameClaim::kNone:
      return CompressionOfName(name) ? Claim::kPacking : Claim::kNone;
  }
  std::abort();
}

// Of a folder's files: it may be a mark, or have been empty always.
Walk EmptyMember() {
  Walk walk;
  walk.level = Level::kExists;
  return walk;
}

class Descent {
 public:
  Descent(const Reader& file, Claim claim) : file_(file), claim_(claim) {}
  Walked<Walk> Run(Reader& reader, const std::string& name, int depth);

 private:
  Walked<Walk> WalkUnknown(Reader& reader, std::string_view head, const std::string& name,
                           int depth);
  Walked<Walk> WalkZipOf(Reader& reader, int depth);
  Walked<Walk> WalkTarOf(Reader& reader, int depth);
  Walked<Walk> WalkFileOf(Reader& content, const std::string& name, int depth) const;
  Walked<Walk> Doubt(Walked<Walk> walk, int depth) const;
  const Reader& file_;
  const Claim claim_;
};

// What is broken for its look alone: of a file that claims to be no backup it is not known what it
// should look like.
Walked<Walk> Descent::Doubt(Walked<Walk> walk, int depth) const {
  const bool anything = claim_ == Claim::kNone || (claim_ == Claim::kPacking && depth > 0);
  if (!anything || walk || walk.error().outcome != Outcome::kBroken) return walk;
  Walk unknown;
  unknown.level = Level::kSize;
  unknown.doubt = DoubtOf(std::move(walk.error()));
  return unknown;
}

Walked<Walk> Descent::Run(Reader& reader, const std::string& name, int depth) {
  auto peeked = reader.Peek(kHeadBytes);
  if (!peeked && peeked.error().reason == Reason::kIncomplete && IsBeingPacked(name)) {
    return UnwrittenWal();
  }
  if (!peeked) return tl::unexpected(std::move(peeked.error()));
  const std::string head(*peeked);
  const bool being_written = IsBeingPacked(name) || (depth == 0 && IsBeingWritten(name));
  if (head.empty() && being_written) return UnwrittenWal();
  // Of an empty collection.
  const bool part = claim_ != Claim::kArtefact;
  if (head.empty() && part && PromisesBson(name)) return WalkBson(reader);
  const bool may_be_empty = claim_ == Claim::kKept || claim_ == Claim::kPacking;
  if (head.empty() && depth > 0 && may_be_empty) return EmptyMember();
  if (head.empty()) {
    return Broken(Reason::kTooSmall, 0,
                  depth == 0 ? "the file is empty" : "holds nothing: 0 bytes after unpacking");
  }
  if (const auto compression = DetectCompression(head)) {
    if (depth == kMaxNesting) return Unjudged(Reason::kLimit, "packed too many times over");
    const std::string inner_name = InnerName(name);
    return Unpack(reader, file_, *compression,
                  [&](Reader& inner) { return Run(inner, inner_name, depth + 1); });
  }
  for (const Format& format : kFormats) {
    if (format.matches(head)) return format.walk(reader);
  }
  if (LooksLikeTar(head)) return WalkTarOf(reader, depth);
  if (LooksLikeZip(head) && !ParseWalFileName(name)) return WalkZipOf(reader, depth);
  if (LooksLikeWal(head)) return WalkWal(reader, name);
  auto start = reader.Peek(kMaxErrorBodyBytes + 1);
  if (!start) return tl::unexpected(std::move(start.error()));
  const BodySize size = start->size() <= kMaxErrorBodyBytes ? BodySize::kSmall : BodySize::kLarge;
  const std::string_view body = RecogniseErrorBody(head, size);
  const bool meant = (PromisesJson(name) && MayBeState(head)) || PromisesHtml(name);
  if (!body.empty() && !meant) {
    return Doubt(Broken(Reason::kWrongFormat, 0, std::string(body) + " in place of a backup"),
                 depth);
  }
  if (const std::string_view program = RecogniseEncryption(head); !program.empty()) {
    if (size == BodySize::kSmall && IsEncryptedNothing(*start)) {
      return Doubt(Broken(Reason::kTooSmall, 0,
                          "holds nothing: encrypted (" + std::string(program) + "), but empty"),
                   depth);
    }
    if (auto whole = WalkEncrypted(reader); !whole) {
      return Doubt(tl::unexpected(std::move(whole.error())), depth);
    }
    Walk walk;
    walk.format = "encrypted (" + std::string(program) + ")";
    walk.level = Level::kSize;
    return walk;
  }
  if (const auto compression = DetectCompression(head, name)) {  // without a magic number
    if (depth == kMaxNesting) return Unjudged(Reason::kLimit, "packed too many times over");
    const std::string inner_name = InnerName(name);
    return Unpack(reader, file_, *compression,
                  [&](Reader& inner) { return Run(inner, inner_name, depth + 1); });
  }
  if (auto text = WalkWalText(reader, name)) return std::move(*text);
  if (auto walk = WalkText(reader, head, name)) return Doubt(*std::move(walk), depth);
  return WalkUnknown(reader, head, name, depth);
}

// What a file in an archive holds. "-" is what came out of a pipe.
Walked<Walk> Descent::WalkFileOf(Reader& content, const std::string& name, int depth) const {
  if (name == "-") return Descent(file_, claim_).Run(content, name, depth + 1);
  const Claim claim = ClaimOfMember(name);
  auto end = content.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (*end && claim == Claim::kNone) return EmptyMember();
  return Descent(file_, claim).Run(content, name, depth + 1);
}

Walked<Walk> Descent::WalkZipOf(Reader& reader, int depth) {
  if (depth == kMaxNesting) return Unjudged(Reason::kLimit, "packed too many times over");
  return WalkZip(reader, file_, [&](Reader& content, const std::string& name) {
    return WalkFileOf(content, name, depth);
  });
}

Walked<Walk> Descent::WalkTarOf(Reader& reader, int depth) {
  if (depth == kMaxNesting) return WalkTar(reader, {});
  return WalkTar(reader, [&](Reader& content, const std::string& name) {
    return WalkFileOf(content, name, depth);
  });
}

// tar without a member: two blocks of zeros, or a record of them, which most programs fill.
bool IsEmptyTar(std::string_view name, std::int64_t zeros) {
  return base::Lower(name).ends_with(".tar") && (zeros == 1024 || zeros == 10'240);
}

Walked<Walk> Descent::WalkUnknown(Reader& reader, std::string_view head, const std::string& name,
                                  int depth) {
  // Only zeros: what a crash leaves of a file whose blocks never reached the disk.
  constexpr std::string_view kZeros = "holds nothing but zero bytes";
  if (auto zeros = reader.SkipZeros(); !zeros) return tl::unexpected(std::move(zeros.error()));
  auto end = reader.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (*end && claim_ == Claim::kName && depth == 0 && IsEmptyTar(name, reader.offset())) {
    return EmptyMember();
  }
  if (*end && reader.offset() > 0) {
    if (depth == 0 && IsBeingWritten(name)) return UnwrittenWal();
    return Doubt(Broken(Reason::kCorrupt, 0, std::string(kZeros)), depth);
  }
  if (auto sealed = SealedWal(head, name)) return *std::move(sealed);
  const auto compression = depth == 0 ? CompressionOfName(name) : std::nullopt;
  const std::string_view promised = compression ? CompressionName(*compression) : PromisedBy(name);
  if (!promised.empty() && !IsNamedByChance(head)) {
    return Broken(Reason::kWrongFormat, 0,
                  "its name promises " + std::string(promised) + ", its content is something else");
  }
  Walk walk;
  walk.level = Level::kSize;
  return walk;
}

}  // namespace

Walked<Walk> WalkStream(Reader& file, const std::string& name) {
  return Descent(file, Claim::kArtefact).Run(file, name, 0);
}

Walked<Walk> WalkMember(Reader& file, const std::string& name) {
  auto end = file.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  const Claim claim = ClaimOfMember(name);
  if (*end && claim == Claim::kNone) return EmptyMember();
  return Descent(file, claim).Run(file, name, 0);
}

Walked<Walk> WalkPacked(Reader& file, const std::function<Walked<Walk>(Reader&)>& walk) {
  return WalkPacked(file, "", walk);
}

Walked<Walk> WalkPacked(Reader& file, const std::string& name,
                        const std::function<Walked<Walk>(Reader&)>& walk) {
  auto head = file.Peek(kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->empty()) return Broken(Reason::kTooSmall, 0, "the file is empty");
  const auto compression = DetectCompression(*head, name);
  return compression ? Unpack(file, file, *compression, walk) : walk(file);
}

}  // namespace drwatch::verify
