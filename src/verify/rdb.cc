#include "verify/rdb.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "verify/aof.h"
#include "verify/rdb_fields.h"
#include "verify/rdb_value.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kHeaderBytes = 9;
constexpr std::size_t kTrailerBytes = 8;
// RDB_EOF_MARK_SIZE: what a server that does not know the size beforehand sends behind a snapshot.
constexpr std::size_t kEndMarkBytes = 40;
constexpr int kFirstVersionWithChecksum = 5;
constexpr int kNewestRedis = 12;
// Versions 12 to 79 are Redis' own after the fork.
constexpr int kFirstValkey = 80;
constexpr int kNewestValkey = 80;

// What stands in front of a field that is no value: rdb.h, RDB_OPCODE_*.
enum Opcode : unsigned {
  kSlotImport = 243,  // Valkey 9; in Redis 8 something else
  kSlotInfo = 244,
  kFunction2 = 245,
  kFunctionPreGa = 246,
  kModuleAux = 247,
  kIdle = 248,
  kFrequency = 249,
  kAux = 250,
  kResizeDb = 251,
  kExpireMillis = 252,
  kExpireSeconds = 253,
  kSelectDb = 254,
  kEof = 255,
};

// What the auxiliary fields say.
struct RdbAbout {
  std::string program;   // "Redis 7.0.15"
  bool foreign = false;  // another program that took over the format (Dragonfly: "df-v1.2")
  std::optional<base::Timestamp> taken;
  bool append_only_follows = false;
};

void ReadAux(RdbFields& in, RdbAbout& about) {
  const std::string key = in.ShortText();
  const std::string value = in.ShortText();
  if (!in.ok()) return;
  if (key == "redis-ver" && about.program.empty()) about.program = "Redis " + value;
  if (key == "redis-ver" && (value.empty() || value[0] < '0' || value[0] > '9')) {
    about.foreign = true;
  }
  if (key == "valkey-ver") about.program = "Valkey " + value;
  if (key == "aof-base" || key == "aof-preamble") about.append_only_follows = value == "1";
  const auto seconds = base::ParseInt(value);
  constexpr std::int64_t kFarthest = 253'402'300'800;  // the year 10000
  if (key == "ctime" && seconds && *seconds > 0 && *seconds < kFarthest) {
    about.taken = base::Timestamp(std::chrono::seconds(*seconds));
  }
}

class RdbWalker {
 public:
  explicit RdbWalker(Reader& file) : source_(file), reader_(source_), in_(reader_) {}
  Walked<Walk> Run();

 private:
  Walked<void> ReadHeader();
  bool Known() const {
    if (about_.foreign) return false;
    return server_ == RdbServer::kRedis ? version_ <= kNewestRedis : version_ <= kNewestValkey;
  }
  // False at the end of the fields, after a fault, and at what is not known.
  bool Field();
  void SlotImport();
  Walked<void> CheckChecksum(Walk& walk);
  Walked<void> CheckUnknown(Walk& walk);
  Walked<void> CheckRest(Walk& walk);
  Walked<Walk> Finish(Walk walk);
  std::string Summary() const;

  Crc64Source source_;
  Reader reader_;
  RdbFields in_;
  RdbServer server_ = RdbServer::kRedis;
  int version_ = 0;
  RdbAbout about_;
  std::int64_t keys_ = 0;
  std::int64_t databases_ = 0;
  bool unknown_ = false;  // something of a version that is not known, at:
  std::pair<std::int64_t, unsigned> unknown_at_;
};

Walked<void> RdbWalker::ReadHeader() {
  auto header = reader_.Take(kHeaderBytes, "the header");
  if (!header) return tl::unexpected(std::move(header.error()));
  server_ = header->starts_with("VALKEY") ? RdbServer::kValkey : RdbServer::kRedis;
  const auto version = base::ParseInt(header->substr(server_ == RdbServer::kValkey ? 6 : 5));
  if (!version || *version < 1 || (server_ == RdbServer::kValkey && *version < kFirstValkey)) {
    return Broken(Reason::kCorrupt, 5, "impossible RDB version");
  }
  version_ = static_cast<int>(*version);
  return {};
}

void RdbWalker::SlotImport() {
  in_.Text();  // name of the job
  for (std::uint64_t left = in_.Length(); left > 0 && in_.ok(); --left) {
    in_.Length();
    in_.Length();
  }
}

bool RdbWalker::Field() {
  const std::int64_t begin = in_.offset();
  const unsigned code = in_.Byte();
  if (!in_.ok()) return false;
  switch (code) {
    case kEof:
      return false;
    case kSelectDb:
      in_.Length();
      ++databases_;
      return in_.ok();
    case kResizeDb:
      in_.Length();
      in_.Length();
      return in_.ok();
    case kSlotInfo:
      for (int i = 0; i < 3; ++i) in_.Length();
      return in_.ok();
    case kSlotImport:
      unknown_ = server_ == RdbServer::kRedis;
      if (!unknown_) SlotImport();
      break;
    case kExpireSeconds:
      in_.Skip(4);
      return in_.ok();
    case kExpireMillis:
      in_.Skip(8);
      return in_.ok();
    case kFrequency:
      in_.Skip(1);
      return in_.ok();
    case kIdle:
      in_.Length();
      return in_.ok();
    case kAux:
      ReadAux(in_, about_);
      return in_.ok();
    case kFunction2:
      in_.Text();
      return in_.ok();
    case kModuleAux:
      SkipModuleAux(in_);
      return in_.ok();
    case kFunctionPreGa:
      unknown_ = true;
      break;
    default:
      if (const auto type = RdbTypeOf(code, server_)) {
        in_.Text();  // the key
        SkipRdbValue(in_, *type);
        ++keys_;
        return in_.ok();
      }
      unknown_ = true;
      break;
  }
  if (unknown_) unknown_at_ = {begin, code};
  return in_.ok() && !unknown_;
}

// redis-cli cuts it off a file, but leaves it on its standard output; servers and redis-check-rdb
// do not look at it.
bool IsEndMark(std::string_view rest) {
  return rest.size() == kEndMarkBytes && rest.find_first_not_of("0123456789abcdef") == rest.npos;
}

// After the end mark.
Walked<void> RdbWalker::CheckChecksum(Walk& walk) {
  if (version_ < kFirstVersionWithChecksum) {
    walk.details.push_back("RDB version " + std::to_string(version_) + " carries no checksum");
    return {};
  }
  const std::uint64_t computed = source_.UpTo(reader_.offset());
  const std::int64_t at = reader_.offset();
  auto trailer = reader_.Take(kTrailerBytes, "the checksum");
  if (!trailer) return tl::unexpected(std::move(trailer.error()));
  std::uint64_t stored = 0;
  for (std::size_t i = kTrailerBytes; i > 0; --i) {
    stored = stored << 8 | static_cast<unsigned char>((*trailer)[i - 1]);
  }
  if (stored == 0) {
    walk.details.push_back(
        "written with \"rdbchecksum no\": a changed byte inside shows only against a checksum "
        "file");
    return {};
  }
  if (stored != computed) return Broken(Reason::kCorrupt, at, "RDB checksum differs");
  walk.level = Level::kContent;
  return {};
}

// Not known from here on: the last eight bytes are still the checksum of all others. A released
// version knows its own codes; with a checksum that is right another program (KeyDB, a module)
// wrote this one, without it is damage.
Walked<void> RdbWalker::CheckUnknown(Walk& walk) {
  auto rest = CheckRest(walk);
  if (rest || !Known()) return rest;
  const bool read =
      rest.error().outcome == Outcome::kBroken || rest.error().reason == Reason::kUnverified;
  if (!read) return rest;
  return Broken(Reason::kCorrupt, unknown_at_.first,
                "impossible type " + std::to_string(unknown_at_.second));
}

Walked<void> RdbWalker::CheckRest(Walk& walk) {
  std::uint64_t crc = source_.UpTo(reader_.offset());
  std::string held;
  while (true) {
    auto bytes = reader_.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    held += *bytes;
    if (held.size() <= kTrailerBytes) continue;
    crc = RedisCrc64(crc, std::string_view(held).substr(0, held.size() - kTrailerBytes));
    held.erase(0, held.size() - kTrailerBytes);
  }
  std::string computed;
  for (std::size_t i = 0; i < kTrailerBytes; ++i) computed += static_cast<char>(crc >> (8 * i));
  if (held == std::string(kTrailerBytes, '\0')) {
    return Unjudged(Reason::kUnverified, "an RDB version that is not known, without a checksum");
  }
  if (held != computed) return Broken(Reason::kCorrupt, reader_.offset(), "RDB checksum differs");
  walk.level = Level::kChecksum;
  walk.details.push_back("its checksum is right; what follows byte " +
                         std::to_string(unknown_at_.first) +
                         " is of a program or version that is not known, so no more was looked at");
  return {};
}

std::string RdbWalker::Summary() const {
  std::string text = about_.program.empty() ? "" : about_.program + ": ";
  text += std::to_string(keys_) + " keys in " + std::to_string(databases_) + " databases";
  if (about_.taken) text += ", snapshot of " + base::FormatRfc3339(*about_.taken);
  return text;
}

Walked<Walk> RdbWalker::Run() {
  if (auto header = ReadHeader(); !header) return tl::unexpected(std::move(header.error()));
  Walk walk;
  walk.format = server_ == RdbServer::kValkey ? "Valkey" : "Redis";
  walk.format += " RDB version " + std::to_string(version_);
  while (Field()) {
  }
  if (!in_.ok()) return tl::unexpected(in_.TakeFault());
  if (!unknown_) walk.details.push_back(Summary());
  auto checked = unknown_ ? CheckUnknown(walk) : CheckChecksum(walk);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  return Finish(std::move(walk));
}

Walked<Walk> RdbWalker::Finish(Walk walk) {
  auto end = reader_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (*end) return walk;
  if (!about_.append_only_follows) {
    const std::int64_t at = reader_.offset();
    auto mark = reader_.Peek(kEndMarkBytes + 1);
    if (!mark) return tl::unexpected(std::move(mark.error()));
    if (IsEndMark(*mark)) {
      walk.details.push_back("written by \"redis-cli --rdb -\", with the end mark of replication");
      return walk;
    }
    return Broken(Reason::kCorrupt, at, "bytes after the end of the RDB file");
  }
  auto rest = WalkAof(reader_);
  if (!rest) return rest;
  walk.format = rest->format + " after " + walk.format;
  walk.level = std::min(walk.level, rest->level);
  walk.cut_off = rest->cut_off;
  walk.details.insert(walk.details.end(), rest->details.begin(), rest->details.end());
  return walk;
}

}  // namespace

bool LooksLikeRdb(std::string_view head) {
  std::size_t name = 0;
  if (head.starts_with("REDIS")) name = 5;
  if (head.starts_with("VALKEY")) name = 6;
  return name > 0 && head.size() >= kHeaderBytes && base::ParseInt(head.substr(name, 9 - name));
}

Walked<Walk> WalkRdb(Reader& reader) { return RdbWalker(reader).Run(); }

std::optional<base::Timestamp> RdbTime(std::string_view head) {
  if (!LooksLikeRdb(head)) return std::nullopt;
  MemorySource source(head.substr(kHeaderBytes));
  Reader reader(source);
  RdbFields in(reader);
  RdbAbout about;
  while (!about.taken && in.ok() && in.Byte() == kAux) ReadAux(in, about);
  return about.taken;
}

}  // namespace drwatch::verify
