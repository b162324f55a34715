#include "config/yaml_writer.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"

namespace drwatch::config {
namespace {

bool IsPlainCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/';
}

// A word nobody reads as a number, a boolean or null stands bare; all else goes in quotes, where
// YAML knows JSON's escapes. A $ is doubled, because loading would expand it.
std::string Scalar(std::string_view text) {
  const bool bare = !text.empty() &&
                    ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') ||
                     text[0] == '/') &&
                    std::all_of(text.begin(), text.end(), IsPlainCharacter);
  const std::string lower = base::Lower(text);
  const bool word = lower == "true" || lower == "false" || lower == "null" || lower == "yes" ||
                    lower == "no" || lower == "on" || lower == "off" || lower == "y" ||
                    lower == "n" || lower == "inf" || lower == "nan";
  if (bare && !word) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\x" + base::Hex({&c, 1});
    } else if (c == '$') {
      out += "$$";
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void YamlWriter::Key(std::string_view key) {
  if (after_dash_) {
    after_dash_ = false;
  } else {
    out_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  }
  out_ += Scalar(key) + ":";
}

void YamlWriter::BeginMap(std::string_view key) {
  Key(key);
  out_ += '\n';
  ++depth_;
}

void YamlWriter::List(std::string_view key) {
  Key(key);
  out_ += '\n';
}

void YamlWriter::BeginItem() {
  out_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  out_ += "- ";
  ++depth_;
  after_dash_ = true;
}

void YamlWriter::End() { --depth_; }

void YamlWriter::Text(std::string_view key, std::string_view value) {
  Key(key);
  out_ += " " + Scalar(value) + "\n";
}

void YamlWriter::TextUnlessEmpty(std::string_view key, std::string_view value) {
  if (!value.empty()) Text(key, value);
}

void YamlWriter::Number(std::string_view key, double value) {
  Key(key);
  out_ += " " + base::FormatDouble(value) + "\n";
}

void YamlWriter::Numbers(std::string_view key, const std::vector<int>& values) {
  Key(key);
  std::vector<std::string> numbers;
  numbers.reserve(values.size());
  for (const int value : values) numbers.push_back(std::to_string(value));
  out_ += " [" + base::Join(numbers, ", ") + "]\n";
}

void YamlWriter::Flag(std::string_view key, bool value) {
  Key(key);
  out_ += value ? " true\n" : " false\n";
}

void YamlWriter::Time(std::string_view key, base::Duration value) {
  Key(key);
  out_ += " " + base::FormatDuration(value) + "\n";
}

void YamlWriter::Texts(std::string_view key, const std::vector<std::string>& values) {
  Key(key);
  std::vector<std::string> scalars;
  scalars.reserve(values.size());
  for (const std::string& value : values) scalars.push_back(Scalar(value));
  out_ += " [" + base::Join(scalars, ", ") + "]\n";
}

void YamlWriter::TextMap(std::string_view key,
                         const std::vector<std::pair<std::string, std::string>>& values) {
  if (values.empty()) return;
  BeginMap(key);
  for (const auto& [name, value] : values) Text(name, value);
  End();
}

}  // namespace drwatch::config
