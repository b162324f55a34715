#include "verify/rdb_value.h"

namespace drwatch::verify {
namespace {

// Calls `element` as often as the length that comes next says.
template <typename Element>
void Repeat(RdbFields& in, Element element) {
  for (std::uint64_t left = in.Length(); left > 0 && in.ok(); --left) element();
}

void SkipTexts(RdbFields& in, int group) {
  Repeat(in, [&in, group] {
    for (int i = 0; i < group; ++i) in.Text();
  });
}

void SkipSortedSetText(RdbFields& in) {
  Repeat(in, [&in] {
    in.Text();
    const unsigned length = in.Byte();
    constexpr unsigned kFirstSpecial = 253;  // not a number, and the infinities
    if (length < kFirstSpecial) in.Skip(length);
  });
}

// The opcodes that modules' data consist of, to their end mark: rdb.h, RDB_MODULE_OPCODE_*.
void SkipModuleData(RdbFields& in) {
  while (in.ok()) {
    const std::int64_t at = in.offset();
    switch (in.Length()) {
      case 0:
        return;
      case 1:
      case 2:
        in.Length();
        break;
      case 3:
        in.Skip(4);
        break;
      case 4:
        in.Skip(8);
        break;
      case 5:
        in.Text();
        break;
      default:
        in.Fail(at, "impossible module data");
    }
  }
}

void SkipModule(RdbFields& in) {
  in.Length();  // the module's id
  SkipModuleData(in);
}

void SkipQuicklist2(RdbFields& in) {
  Repeat(in, [&in] {
    const std::int64_t at = in.offset();
    const std::uint64_t container = in.Length();
    if (container != 1 && container != 2) in.Fail(at, "impossible list node");
    in.Text(container == 2 ? RedisPacking::kListpack : RedisPacking::kNone);
  });
}

constexpr std::int64_t kStreamIdBytes = 16;
constexpr std::int64_t kMillisBytes = 8;

void SkipLengths(RdbFields& in, int count) {
  for (int i = 0; i < count; ++i) in.Length();
}

void SkipConsumerGroup(RdbFields& in, RdbType type) {
  in.Text();  // name
  SkipLengths(in, type == RdbType::kStream ? 2 : 3);
  Repeat(in, [&in] {  // delivered and not acknowledged
    in.Skip(kStreamIdBytes + kMillisBytes);
    in.Length();
  });
  Repeat(in, [&in, type] {  // consumers
    in.Text();
    in.Skip(type == RdbType::kStream3 ? 2 * kMillisBytes : kMillisBytes);
    Repeat(in, [&in] { in.Skip(kStreamIdBytes); });
  });
}

void SkipStream(RdbFields& in, RdbType type) {
  Repeat(in, [&in] {
    in.Text();  // the first id of the listpack
    in.Text(RedisPacking::kListpack);
  });
  // Length and last id; then first id, greatest deleted id and the number ever added.
  SkipLengths(in, type == RdbType::kStream ? 3 : 8);
  Repeat(in, [&in, type] { SkipConsumerGroup(in, type); });
}

void SkipHashExpiry(RdbFields& in, RdbType type) {
  if (type == RdbType::kHashExpiry) in.Skip(kMillisBytes);  // the earliest
  const bool valkey = type == RdbType::kValkeyHashExpiry;
  Repeat(in, [&in, valkey] {
    if (!valkey) in.Length();
    in.Text();
    in.Text();
    if (valkey) in.Skip(kMillisBytes);
  });
}

}  // namespace

std::optional<RdbType> RdbTypeOf(unsigned code, RdbServer server) {
  const bool valkey = server == RdbServer::kValkey;
  constexpr unsigned kHashWithExpiry = 22;
  if (valkey && code == kHashWithExpiry) return RdbType::kValkeyHashExpiry;
  const unsigned newest = valkey ? 21 : 25;
  if (code > newest || code == 6 || code == 8) return std::nullopt;
  return static_cast<RdbType>(code);
}

void SkipModuleAux(RdbFields& in) {
  in.Length();         // the module's id
  SkipLengths(in, 2);  // when it is to be loaded
  SkipModuleData(in);
}

void SkipRdbValue(RdbFields& in, RdbType type) {
  switch (type) {
    case RdbType::kString:
      return in.Text();
    case RdbType::kList:
    case RdbType::kSet:
      return SkipTexts(in, 1);
    case RdbType::kHash:
      return SkipTexts(in, 2);
    case RdbType::kSortedSetText:
      return SkipSortedSetText(in);
    case RdbType::kSortedSet:
      return Repeat(in, [&in] {
        in.Text();
        in.Skip(8);
      });
    case RdbType::kModule:
      return SkipModule(in);
    case RdbType::kHashZipmap:
      return in.Text(RedisPacking::kZipmap, 2);
    case RdbType::kListZiplist:
      return in.Text(RedisPacking::kZiplist);
    case RdbType::kSetIntset:
      return in.Text(RedisPacking::kIntset);
    case RdbType::kSortedSetZiplist:
    case RdbType::kHashZiplist:
      return in.Text(RedisPacking::kZiplist, 2);
    case RdbType::kQuicklist:
      return Repeat(in, [&in] { in.Text(RedisPacking::kZiplist); });
    case RdbType::kSetListpack:
      return in.Text(RedisPacking::kListpack);
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
      return in.Text(RedisPacking::kListpack, 2);
    case RdbType::kQuicklist2:
      return SkipQuicklist2(in);
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return SkipStream(in, type);
    case RdbType::kHashExpiryPreGa:
    case RdbType::kHashExpiry:
    case RdbType::kValkeyHashExpiry:
      return SkipHashExpiry(in, type);
    case RdbType::kHashListpackExpiry:
      in.Skip(kMillisBytes);  // the earliest
      return in.Text(RedisPacking::kListpack, 3);
    case RdbType::kHashListpackExpiryPreGa:
      return in.Text(RedisPacking::kListpack, 3);
  }
}

}  // namespace drwatch::verify
