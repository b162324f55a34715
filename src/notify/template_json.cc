#include "notify/template_json.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <variant>

#include "base/strings.h"
#include "template/format.h"
#include "template/utf8.h"

namespace drwatch::notify {
namespace {

// Go's time is written as RFC 3339 with as many digits as it needs; none is Go's zero time.
std::string TimeText(tmpl::Time time) {
  if (time.nanos == tmpl::kZeroTime) return "0001-01-01T00:00:00Z";
  return tmpl::FormatTime(time, "2006-01-02T15:04:05.999999999Z07:00");
}

// What a structure's field is called in a webhook; empty: a webhook does not have it.
std::string FieldName(const std::string& type, const std::string& name) {
  if (type != "*template.Data" && type != "template.Alert") return name;
  if (name == "NotificationReason") return "notification_reason";
  if (type == "template.Alert" && name == "Value") return "";
  return base::Lower(name.substr(0, 1)) + name.substr(1);
}

class JsonWriter {
 public:
  void Write(const tmpl::Value& value) { std::visit(*this, value.data); }
  base::Result<std::string> Take() {
    if (unwritable_) return base::Fail("toJson: unsupported value: not a finite number");
    return std::move(out_);
  }

  void operator()(std::monostate) { out_ += "null"; }
  void operator()(bool value) { out_ += value ? "true" : "false"; }
  void operator()(std::int64_t value) { out_ += std::to_string(value); }
  void operator()(std::uint64_t value) { out_ += std::to_string(value); }
  void operator()(double value);
  void operator()(const std::string& text) { String(text); }
  void operator()(tmpl::Time time) { String(TimeText(time)); }
  void operator()(tmpl::Duration duration) { out_ += std::to_string(duration.nanos); }
  void operator()(const std::shared_ptr<const tmpl::List>& list) {
    out_ += '[';
    for (const tmpl::Value& item : list->items) {
      if (&item != &list->items.front()) out_ += ',';
      Write(item);
    }
    out_ += ']';
  }
  void operator()(const std::shared_ptr<const tmpl::Map>& map) {
    out_ += '{';
    for (const auto& [name, value] : map->entries) Member(name, value);
    out_ += '}';
  }
  void operator()(const std::shared_ptr<const tmpl::Struct>& structure) {
    out_ += '{';
    for (const auto& [name, value] : structure->fields) {
      const std::string shown = FieldName(structure->type, name);
      // A webhook has this one only where there is something to acknowledge.
      if (shown.empty() || (shown == "acknowledgeURL" && !value.IsTrue())) continue;
      Member(shown, value);
    }
    out_ += '}';
  }

 private:
  void Member(const std::string& name, const tmpl::Value& value) {
    if (out_.back() != '{') out_ += ',';
    String(name);
    out_ += ':';
    Write(value);
  }
  void String(std::string_view text);

  std::string out_;
  bool unwritable_ = false;
};

void JsonWriter::operator()(double value) {
  unwritable_ = unwritable_ || !std::isfinite(value);
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= 1e-6 && size < 1e21);
  std::string text = tmpl::FormatFloat(value, plain ? 'f' : 'e', -1);
  // Go's e-09 is e-9 in JSON.
  const std::size_t exponent = text.find("e-0");
  if (!plain && exponent != text.npos) text.erase(exponent + 2, 1);
  out_ += text;
}

void JsonWriter::String(std::string_view text) {
  out_ += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = tmpl::DecodeUtf8(text, at);
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
    const bool invalid = c == tmpl::kBadUtf8 && at - begin == 1;
    const std::size_t known = c < 0x80 ? kShort.find(static_cast<char>(c)) : kShort.npos;
    if (known != kShort.npos) {
      out_ += {'\\', kLetters[known]};
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029 ||
               invalid) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out_ += escape.data();
    } else {
      out_ += text.substr(begin, at - begin);
    }
  }
  out_ += '"';
}

}  // namespace

base::Result<std::string> ToJson(const tmpl::Value& value) {
  JsonWriter writer;
  writer.Write(value);
  return writer.Take();
}

}  // namespace drwatch::notify
