#include "verify/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "base/strings.h"

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
        Broken(Reason::kCorrupt, 0, "not YAML, as its name promises: " + error.msg).value();
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
  std::string text;
  while (true) {
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    if (static_cast<std::int64_t>(text.size()) <= kMaxYamlBytes) text += *bytes;
  }
  Walk walk;
  walk.level = Level::kSize;
  const bool wide = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  const bool is_template = text.find("{{") != text.npos || text.find("<%") != text.npos;
  if (wide || is_template || static_cast<std::int64_t>(text.size()) > kMaxYamlBytes) return walk;
  if (!base::IsValidUtf8(text) || text.find('\0') != text.npos) {
    return Broken(Reason::kCorrupt, 0, "not text, as its name promises");
  }
  auto documents = CountDocuments(text);
  if (!documents) return tl::unexpected(std::move(documents.error()));
  walk.level = Level::kFormat;
  walk.format = "YAML";
  walk.details.push_back(std::to_string(*documents) + " documents");
  return walk;
}

}  // namespace drwatch::verify
