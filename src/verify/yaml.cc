#include "verify/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>

#include "base/strings.h"
#include "base/terminal.h"
#include "verify/json.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// Only wants to know whether the parser gets to the end. It does not of everything that is no YAML:
// before some tokens it finds one empty document after the other, for ever.
class Nothing final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == begin_) throw YAML::ParserException(mark, "no document begins so");
    begin_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int begin_ = -1;  // of the last document
};

// The parser keeps what may turn out to be a key: whatever stands between brackets, however long it
// is, and what is quoted or marked on one line. It takes up to 250 bytes of memory for each.
bool IsTooMuch(std::string_view text) {
  std::int64_t in_flow = 0;
  std::int64_t on_line = 0;
  for (const char c : text) {
    switch (c) {
      case '[':
      case '{':
      case ',':
        ++in_flow;
        break;
      case '"':
      case '\'':
      case '&':
      case '*':
      case '!':
        ++on_line;
        break;
      case '\n':
        on_line = 0;
        break;
      default:
        break;
    }
    if (in_flow > kMaxYamlTokens || on_line > kMaxYamlTokens) return true;
  }
  return false;
}

// YAML may be JSON, which is read without keeping it. nullopt: it is not.
std::optional<Walk> AsJson(std::string_view text) {
  const std::string_view start = base::Trim(text.substr(0, 64));
  if (!start.starts_with('{') && !start.starts_with('[')) return std::nullopt;
  MemorySource source(text);
  Reader reader(source);
  auto walk = WalkJson(reader);
  return walk ? std::optional(*std::move(walk)) : std::nullopt;
}

// The number of documents; a fault of kCorrupt with the line.
Walked<int> CountDocuments(const std::string& text) {
  std::istringstream stream(text);
  Nothing handler;
  int documents = 0;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(handler)) ++documents;
  } catch (const YAML::Exception& error) {
    Fault fault =
        Broken(Reason::kCorrupt, 0, "not YAML, as its name promises: " + base::Visible(error.msg))
            .value();
    fault.place = "line " + std::to_string(error.mark.line + 1);
    return tl::unexpected(std::move(fault));
  } catch (const std::exception& error) {
    return Unjudged(Reason::kLimit, std::string("cannot parse this YAML: ") + error.what());
  }
  return documents;
}

}  // namespace

bool PromisesYaml(std::string_view name) {
  const std::string lower = base::Lower(name);
  return lower.ends_with(".yaml") || lower.ends_with(".yml");
}

Walked<Walk> WalkYaml(Reader& reader) {
  constexpr std::string_view kNotText = "not text, as its name promises";
  std::string text;
  bool wide = false;  // UTF-16
  while (true) {
    const std::int64_t begin = reader.offset();
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    if (text.empty()) wide = bytes->starts_with("\xff\xfe") || bytes->starts_with("\xfe\xff");
    const std::size_t zero = wide ? bytes->npos : bytes->find('\0');
    if (zero != bytes->npos) {
      const auto at = begin + static_cast<std::int64_t>(zero);
      return Broken(Reason::kCorrupt, at, std::string(kNotText));
    }
    if (static_cast<std::int64_t>(text.size()) <= kMaxYamlBytes) text += *bytes;
  }
  Walk walk;
  walk.level = Level::kSize;
  if (wide || static_cast<std::int64_t>(text.size()) > kMaxYamlBytes) return walk;
  if (!base::IsValidUtf8(text)) return Broken(Reason::kCorrupt, 0, std::string(kNotText));
  if (auto json = AsJson(text)) return *std::move(json);
  const bool is_template = text.find("{{") != text.npos || text.find("<%") != text.npos;
  if (is_template || IsTooMuch(text)) return walk;
  auto documents = CountDocuments(text);
  if (!documents) return tl::unexpected(std::move(documents.error()));
  walk.level = Level::kFormat;
  walk.format = "YAML";
  walk.details.push_back(std::to_string(*documents) + " documents");
  return walk;
}

}  // namespace drwatch::verify
