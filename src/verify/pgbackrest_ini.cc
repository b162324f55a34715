#include "verify/pgbackrest_ini.h"

#include <string>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kOwnSection = "backrest";
constexpr std::string_view kChecksumKey = "backrest-checksum";
// What is collected before it is hashed.
constexpr std::size_t kHashBytes = 64 << 10;

// Lines without their line feed.
class Lines {
 public:
  explicit Lines(Reader& reader) : reader_(reader) {}
  std::int64_t begin() const { return begin_; }
  // False at the end.
  Walked<bool> Next(std::string& line) {
    line.clear();
    begin_ = reader_.offset();
    while (true) {
      auto bytes = reader_.Look();
      if (!bytes) return tl::unexpected(std::move(bytes.error()));
      if (bytes->empty()) return !line.empty();
      const std::size_t end = bytes->find('\n');
      const std::size_t size = std::min(end, bytes->size());
      if (line.size() + size > kMaxIniLineBytes) {
        return Unjudged(Reason::kLimit, "a line of more than 16 MiB");
      }
      line.append(*bytes, 0, size);
      reader_.Consume(end == bytes->npos ? size : size + 1);
      if (end != bytes->npos) return true;
    }
  }

 private:
  Reader& reader_;
  std::int64_t begin_ = 0;
};

// The same content as one JSON object, hashed on the way.
class Canonical {
 public:
  void Add(const IniLine& line) {
    if (line.section != section_ || first_) {
      text_ += first_ ? "{\"" : "},\"";
      text_.append(line.section).append("\":{");
      section_ = line.section;
      first_ = false;
    } else {
      text_ += ',';
    }
    AddQuoted(line.key);
    text_.append(":").append(line.value);
    if (text_.size() >= kHashBytes) Flush();
  }
  std::string Finish() {
    text_ += first_ ? "{}" : "}}";
    Flush();
    return base::Hex(digest_.Finish());
  }

 private:
  void AddQuoted(std::string_view text) {
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') text_ += '\\';
      if (c == '\t' || c == '\r' || c == '\b' || c == '\f') {
        text_.append("\\").append(1, c == '\t' ? 't' : c == '\r' ? 'r' : c == '\b' ? 'b' : 'f');
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }
  void Flush() {
    digest_.Update(text_);
    text_.clear();
  }

  base::Digest digest_{base::DigestAlgorithm::kSha1};
  std::string text_;
  std::string section_;
  bool first_ = true;
};

// A key may hold a '='; a value is JSON and its end tells how it begins.
std::size_t EqualSign(std::string_view line) {
  switch (line.back()) {
    case '}':
      return line.find("={");
    case ']':
      return line.find("=[");
    case '"':
      return line.find("=\"");
    default:
      return line.rfind('=');
  }
}

// Of a value that is a plain text in quotes; empty if it is not.
std::string_view Unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return {};
  return value.substr(1, value.size() - 2);
}

}  // namespace

bool IsPgBackRestEncrypted(std::string_view head) {
  // Since format 6 a header of eight bytes stands before it.
  return head.starts_with("Salted__") ||
         (head.starts_with("PGBR") &&
          head.substr(std::min<std::size_t>(head.size(), 8)).starts_with("Salted__"));
}

struct PgBackRestIni::State {
  explicit State(Reader& input) : reader(input), lines(input) {}

  Walked<void> Begin() {
    auto head = reader.Peek(16);
    if (!head) return tl::unexpected(std::move(head.error()));
    begun = true;
    if (IsPgBackRestEncrypted(*head)) return Unjudged(Reason::kUnverified, "it is encrypted");
    return {};
  }
  // nullopt: it is a section's name, empty or the checksum.
  Walked<std::optional<IniLine>> Take() {
    if (line.empty()) return std::nullopt;
    if (line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
      return std::nullopt;
    }
    const std::size_t equal = EqualSign(line);
    if (section.empty() || equal == line.npos || equal == 0) {
      return Broken(Reason::kCorrupt, lines.begin(), "not a line of a pgBackRest file");
    }
    const std::string_view view = line;
    const IniLine one{section, view.substr(0, equal), view.substr(equal + 1)};
    if (one.section == kOwnSection && one.key == kChecksumKey) {
      checksum = Unquoted(one.value);
      return std::nullopt;
    }
    canonical.Add(one);
    return one;
  }
  Walked<void> End() {
    if (checksum.empty()) {
      return Broken(Reason::kIncomplete, reader.offset(), "it ends before its own checksum");
    }
    if (checksum != canonical.Finish()) {
      return Broken(Reason::kCorrupt, 0, "its content is not what its own checksum says");
    }
    return {};
  }

  Reader& reader;
  Lines lines;
  Canonical canonical;
  bool begun = false;
  std::string line;
  std::string section;
  std::string checksum;
};

PgBackRestIni::PgBackRestIni(Reader& reader) : state_(std::make_unique<State>(reader)) {}
PgBackRestIni::~PgBackRestIni() = default;

Walked<std::optional<IniLine>> PgBackRestIni::Next() {
  if (!state_->begun) {
    if (auto begun = state_->Begin(); !begun) return tl::unexpected(std::move(begun.error()));
  }
  while (true) {
    auto more = state_->lines.Next(state_->line);
    if (!more) return tl::unexpected(std::move(more.error()));
    if (!*more) break;
    auto taken = state_->Take();
    if (!taken || *taken) return taken;
  }
  if (auto end = state_->End(); !end) return tl::unexpected(std::move(end.error()));
  return std::nullopt;
}

const std::string& PgBackRestIni::checksum() const { return state_->checksum; }

Walked<void> ReadPgBackRestIni(Reader& reader, const IniSink& sink) {
  PgBackRestIni ini(reader);
  while (true) {
    auto line = ini.Next();
    if (!line) return tl::unexpected(std::move(line.error()));
    if (!*line) return {};
    if (auto taken = sink(**line); !taken) return taken;
  }
}

}  // namespace drwatch::verify
