#include "verify/redis_packed.h"

#include <cstdlib>
#include <optional>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr unsigned kEnd = 0xff;
// A 16-bit number of elements that says "count them".
constexpr std::int64_t kManyElements = 0xffff;

std::string_view NameOf(RedisPacking packing) {
  switch (packing) {
    case RedisPacking::kNone:
      return "text";
    case RedisPacking::kListpack:
      return "listpack";
    case RedisPacking::kZiplist:
      return "ziplist";
    case RedisPacking::kIntset:
      return "intset";
    case RedisPacking::kZipmap:
      return "zipmap";
  }
  std::abort();
}

// Reads the container's fields; the first fault stays, and everything reads as 0 from then on.
class PackedReader {
 public:
  PackedReader(RedisPacking packing, Reader& reader) : name_(NameOf(packing)), reader_(reader) {}

  bool ok() const { return !fault_; }
  std::int64_t offset() const { return reader_.offset(); }
  std::int64_t LittleEndian(std::size_t size) { return Number(size, false); }
  std::int64_t BigEndian(std::size_t size) { return Number(size, true); }
  unsigned Byte() { return static_cast<unsigned>(Number(1, false)); }
  void Skip(std::int64_t size) {
    if (!ok()) return;
    if (auto skipped = reader_.Skip(size, name_); !skipped) Keep(std::move(skipped.error()));
  }
  // Damaged unless `good`.
  void Expect(bool good) {
    if (ok() && !good) {
      fault_ = Broken(Reason::kCorrupt, reader_.offset(), "damaged " + std::string(name_)).value();
    }
  }
  Walked<void> Finish() {
    auto end = ok() ? reader_.AtEnd() : Walked<bool>(true);
    if (!end) return tl::unexpected(std::move(end.error()));
    Expect(*end);
    if (fault_) return tl::unexpected(std::move(*fault_));
    return {};
  }

 private:
  std::int64_t Number(std::size_t size, bool high_first) {
    if (!ok()) return 0;
    auto bytes = reader_.Take(size, name_);
    if (!bytes) return Keep(std::move(bytes.error())), 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<unsigned char>((*bytes)[high_first ? i : size - 1 - i]);
      value = value << 8 | byte;
    }
    return static_cast<std::int64_t>(value);
  }
  // The container's own length was right: it ends early because lengths inside are wrong.
  void Keep(Fault fault) {
    if (fault.reason == Reason::kIncomplete) fault.reason = Reason::kCorrupt;
    fault_ = std::move(fault);
  }

  const std::string_view name_;
  Reader& reader_;
  std::optional<Fault> fault_;
};

// The bytes behind a listpack element that say how long it is, read backwards by Redis:
// lpEncodeBacklen.
void ExpectBackLength(PackedReader& in, std::int64_t length) {
  int size = 1;
  for (const std::int64_t limit : {128, 16383, 2097151, 268435455}) size += length >= limit ? 1 : 0;
  for (int i = size - 1; i >= 0; --i) {
    const unsigned expected = static_cast<unsigned>(length >> (7 * i)) & 127;
    in.Expect(in.Byte() == (i == size - 1 ? expected : expected | 128));
  }
}

// Walks behind an element's first byte.
void SkipListpackElement(PackedReader& in, unsigned first) {
  if (first < 0x80) return;
  if (first < 0xc0) return in.Skip(first & 63);
  if (first < 0xe0) return in.Skip(1);
  if (first < 0xf0) return in.Skip((first & 15) << 8 | in.Byte());
  constexpr int kSizes[] = {0, 2, 3, 4, 8};  // of integers, 0xf1 to 0xf4
  if (first == 0xf0) return in.Skip(in.LittleEndian(4));
  in.Expect(first <= 0xf4);
  if (in.ok()) in.Skip(kSizes[first - 0xf0]);
}

std::int64_t WalkListpack(PackedReader& in) {
  const std::int64_t total = in.LittleEndian(4);
  const std::int64_t told = in.LittleEndian(2);
  std::int64_t count = 0;
  while (in.ok()) {
    const std::int64_t begin = in.offset();
    const unsigned first = in.Byte();
    if (first == kEnd) break;
    SkipListpackElement(in, first);
    ExpectBackLength(in, in.offset() - begin);
    ++count;
  }
  in.Expect(in.offset() == total && (told == kManyElements || told == count));
  return count;
}

void SkipZiplistElement(PackedReader& in) {
  const unsigned first = in.Byte();
  switch (first >> 6) {
    case 0:
      return in.Skip(first & 63);
    case 1:
      return in.Skip((first & 63) << 8 | in.Byte());
    case 2:
      return in.Skip(in.BigEndian(4));
    default:
      break;
  }
  if (first == 0xc0) return in.Skip(2);
  if (first == 0xd0) return in.Skip(4);
  if (first == 0xe0) return in.Skip(8);
  if (first == 0xf0) return in.Skip(3);
  if (first == 0xfe) return in.Skip(1);
  in.Expect(first > 0xf0 && first < 0xfe);  // a small number, in the byte itself
}

std::int64_t WalkZiplist(PackedReader& in) {
  const std::int64_t total = in.LittleEndian(4);
  const std::int64_t last_at = in.LittleEndian(4);
  const std::int64_t told = in.LittleEndian(2);
  std::int64_t count = 0;
  std::int64_t begin = in.offset();
  std::int64_t before = 0;  // length of the element before
  std::int64_t last_begin = begin;
  while (in.ok()) {
    const unsigned first = in.Byte();
    if (first == kEnd) break;
    constexpr unsigned kLongLength = 0xfe;
    in.Expect((first == kLongLength ? in.LittleEndian(4) : first) == before);
    SkipZiplistElement(in);
    last_begin = begin;
    before = in.offset() - begin;
    begin = in.offset();
    ++count;
  }
  in.Expect(in.offset() == total && last_at == last_begin);
  in.Expect(told == kManyElements || told == count);
  return count;
}

std::int64_t WalkIntset(PackedReader& in) {
  const std::int64_t width = in.LittleEndian(4);
  const std::int64_t count = in.LittleEndian(4);
  in.Expect(width == 2 || width == 4 || width == 8);
  in.Skip(width * count);
  return count;
}

std::int64_t WalkZipmap(PackedReader& in) {
  constexpr unsigned kLongLength = 254;
  in.Byte();  // the number of pairs, if it is small
  std::int64_t count = 0;
  while (in.ok()) {
    const unsigned first = in.Byte();
    if (first == kEnd) break;
    std::int64_t length = first == kLongLength ? in.LittleEndian(4) : first;
    // Values carry a number of unused bytes behind them.
    if (count % 2 == 1) length += in.Byte();
    in.Skip(length);
    ++count;
  }
  return count;
}

Walked<void> ReadToEnd(Reader& reader) {
  while (true) {
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return {};
  }
}

}  // namespace

Walked<void> WalkRedisPacked(RedisPacking packing, std::int64_t group, Reader& reader) {
  PackedReader in(packing, reader);
  std::int64_t count = 0;
  switch (packing) {
    case RedisPacking::kNone:
      return ReadToEnd(reader);
    case RedisPacking::kListpack:
      count = WalkListpack(in);
      break;
    case RedisPacking::kZiplist:
      count = WalkZiplist(in);
      break;
    case RedisPacking::kIntset:
      count = WalkIntset(in);
      break;
    case RedisPacking::kZipmap:
      count = WalkZipmap(in);
      break;
  }
  in.Expect(count % group == 0);
  return in.Finish();
}

}  // namespace drwatch::verify
