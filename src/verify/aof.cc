#include "verify/aof.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// The longest "*3\r\n" or "$123\r\n"; redis-check-aof reads as much.
constexpr std::size_t kMaxLineBytes = 32;
// "#TS:1767232800": aof.c, AOF_ANNOTATION_LINE_MAX_LEN.
constexpr std::size_t kMaxAnnotationBytes = 1024;
constexpr std::size_t kMaxNameBytes = 8;
// Of arguments and of their bytes (Redis: 2^31, and 512 MiB unless configured otherwise): more is
// damage, not a command that was cut off.
constexpr std::int64_t kMaxNumber = std::int64_t{1} << 40;

// True if a command seems to begin in `bytes`: "\r\n*3\r\n$".
bool HoldsCommand(std::string_view bytes) {
  constexpr std::string_view kStart = "\r\n*";
  constexpr std::string_view kNext = "\r\n$";
  constexpr std::size_t kMaxDigits = kMaxLineBytes - kStart.size() - kNext.size();
  for (std::size_t at = bytes.find(kStart); at != bytes.npos; at = bytes.find(kStart, at + 1)) {
    const std::size_t digits = at + kStart.size();
    const std::size_t end = bytes.find_first_not_of("0123456789", digits);
    if (end != bytes.npos && end > digits && end - digits <= kMaxDigits &&
        bytes.substr(end).starts_with(kNext)) {
      return true;
    }
  }
  return false;
}

// The same in bytes that come in pieces.
class CommandSearch {
 public:
  void Take(std::string_view bytes) {
    if (found_) return;
    last_.append(bytes.substr(0, kMaxLineBytes));
    found_ = HoldsCommand(last_) || HoldsCommand(bytes);
    if (bytes.size() >= kMaxLineBytes) last_ = bytes.substr(bytes.size() - kMaxLineBytes);
    if (last_.size() > kMaxLineBytes) last_.erase(0, last_.size() - kMaxLineBytes);
  }
  bool found() const { return found_; }

 private:
  std::string last_;  // at most kMaxLineBytes, between two pieces
  bool found_ = false;
};

// Reads commands until the file ends or is damaged. Functions return nullopt where it ends.
class AofWalker {
 public:
  explicit AofWalker(Reader& reader) : reader_(reader) {}
  Walked<Walk> Run();

 private:
  Walked<bool> Annotation();
  Walked<bool> Command();
  Walked<std::optional<std::int64_t>> Number(char kind);
  Walked<bool> Argument(std::int64_t index);
  Walked<bool> Body(std::int64_t size);
  void NoteName(std::string_view name);
  tl::unexpected<Fault> Damaged(std::int64_t at) const {
    return Broken(Reason::kCorrupt, at, "no append-only file command where one must be");
  }

  Reader& reader_;
  std::int64_t commands_ = 0;
  bool in_multi_ = false;
  std::int64_t good_until_ = 0;  // the end of the last command that counts
};

// "#...\n". False: the file ends in it.
Walked<bool> AofWalker::Annotation() {
  const std::int64_t begin = reader_.offset();
  auto line = reader_.Peek(kMaxAnnotationBytes);
  if (!line) return tl::unexpected(std::move(line.error()));
  const std::size_t newline = line->find('\n');
  if (newline == line->npos) {
    if (line->size() == kMaxAnnotationBytes) return Damaged(begin);
    return false;
  }
  reader_.Consume(newline + 1);
  return true;
}

// "*3\r\n" -> 3. nullopt: the file ends in it.
Walked<std::optional<std::int64_t>> AofWalker::Number(char kind) {
  const std::int64_t begin = reader_.offset();
  auto line = reader_.Peek(kMaxLineBytes);
  if (!line) return tl::unexpected(std::move(line.error()));
  if (!line->empty() && (*line)[0] != kind) return Damaged(begin);
  const std::size_t end = line->find("\r\n");
  const std::string_view digits = line->substr(std::min<std::size_t>(1, line->size()), end - 1);
  if (end == line->npos) {
    const bool plausible = digits.find_first_not_of("0123456789\r") == digits.npos;
    if (line->size() == kMaxLineBytes || !plausible) return Damaged(begin);
    return std::nullopt;
  }
  const auto number = base::ParseInt(digits);
  if (!number || *number < 0 || *number > kMaxNumber) return Damaged(begin);
  reader_.Consume(end + 2);
  return number;
}

// What an argument holds, and its line end.
Walked<bool> AofWalker::Body(std::int64_t size) {
  const std::int64_t begin = reader_.offset();
  CommandSearch command;
  for (std::int64_t left = size; left > 0;) {
    auto bytes = reader_.Some(left);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) {
      // Cut off, or its length is wrong and it swallowed all that follows?
      if (command.found()) return Damaged(begin);
      return false;
    }
    left -= static_cast<std::int64_t>(bytes->size());
    if (left > 0) command.Take(*bytes);
  }
  auto end = reader_.Peek(2);
  if (!end) return tl::unexpected(std::move(end.error()));
  if (*end == "\r\n") {
    reader_.Consume(2);
    return true;
  }
  if (end->empty() || *end == "\r") return false;
  return Damaged(reader_.offset());
}

void AofWalker::NoteName(std::string_view name) {
  const std::string lower = base::Lower(name);
  if (lower == "multi") in_multi_ = true;
  if (lower == "exec") in_multi_ = false;
}

Walked<bool> AofWalker::Argument(std::int64_t index) {
  auto size = Number('$');
  if (!size) return tl::unexpected(std::move(size.error()));
  if (!*size) return false;
  if (index == 0 && **size <= static_cast<std::int64_t>(kMaxNameBytes)) {
    auto name = reader_.Peek(static_cast<std::size_t>(**size));
    if (!name) return tl::unexpected(std::move(name.error()));
    if (static_cast<std::int64_t>(name->size()) == **size) NoteName(*name);
  }
  return Body(**size);
}

// False: the file ends in it.
Walked<bool> AofWalker::Command() {
  const std::int64_t begin = reader_.offset();
  auto count = Number('*');
  if (!count) return tl::unexpected(std::move(count.error()));
  if (!*count) return false;
  if (**count < 1) return Damaged(begin);
  for (std::int64_t i = 0; i < **count; ++i) {
    auto argument = Argument(i);
    if (!argument || !*argument) return argument;
  }
  ++commands_;
  return true;
}

Walked<Walk> AofWalker::Run() {
  good_until_ = reader_.offset();
  bool whole = true;
  while (whole) {
    auto first = reader_.Peek(1);
    if (!first) return tl::unexpected(std::move(first.error()));
    if (first->empty()) break;
    auto read = (*first)[0] == '#' ? Annotation() : Command();
    if (!read) return tl::unexpected(std::move(read.error()));
    whole = *read;
    if (whole && !in_multi_) good_until_ = reader_.offset();
  }
  // What is left of a command that was cut off.
  while (true) {
    auto rest = reader_.Some(INT64_MAX);
    if (!rest) return tl::unexpected(std::move(rest.error()));
    if (rest->empty()) break;
  }
  Walk walk;
  walk.format = "Redis append-only file";
  walk.level = Level::kFormat;
  walk.cut_off = reader_.offset() > good_until_;
  walk.details.push_back(std::to_string(commands_) + " commands");
  if (walk.cut_off) {
    walk.details.push_back(
        std::string(whole ? "ends in a MULTI without EXEC" : "ends in half a command") +
        ": the server drops its last " + std::to_string(reader_.offset() - good_until_) + " bytes");
  }
  return walk;
}

}  // namespace

bool LooksLikeAof(std::string_view head) {
  if (head.starts_with("#TS:")) return true;
  if (!head.starts_with('*')) return false;
  const std::size_t end = head.find_first_not_of("0123456789", 1);
  return end != head.npos && end > 1 && head.substr(end).starts_with("\r\n$");
}

Walked<Walk> WalkAof(Reader& reader) { return AofWalker(reader).Run(); }

}  // namespace drwatch::verify
