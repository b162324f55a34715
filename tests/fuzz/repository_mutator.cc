// Mends the checksum of pgBackRest's texts now and then: hardly any mutated one would get past it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/strings.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using drwatch::base::Split;

// A value is JSON, and its last character tells how it begins.
std::size_t EqualSign(std::string_view line) {
  const char last = line.back();
  if (last != '}' && last != ']' && last != '"') return line.rfind('=');
  return line.find(last == '}' ? "={" : last == ']' ? "=[" : "=\"");
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    constexpr std::string_view kControls = "\t\r\b\f";
    const std::size_t control = kControls.find(c);
    if (control != kControls.npos || c == '"' || c == '\\') quoted += '\\';
    quoted += control != kControls.npos ? "trbf"[control] : c;
  }
  return quoted + '"';
}

// The text with the checksum that fits it at its end; nullopt if no line would do as one of those.
std::optional<std::string> Mended(std::string_view text) {
  text = text.substr(0, text.rfind("\n[backrest]\nbackrest-checksum="));
  std::string json, section, open;
  for (const std::string_view line : Split(text, '\n')) {
    if (line.empty()) continue;
    if (line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    const std::size_t equal = EqualSign(line);
    if (section.empty() || equal == line.npos || equal == 0) return std::nullopt;
    if (json.empty() || section != open) {
      json += (json.empty() ? "{\"" : "},\"") + section + "\":{";
      open = section;
    } else {
      json += ',';
    }
    json += Quoted(line.substr(0, equal)) + ":" + std::string(line.substr(equal + 1));
  }
  const auto sha1 = drwatch::base::ComputeDigest(drwatch::base::DigestAlgorithm::kSha1,
                                                 json.empty() ? "{}" : json + "}}");
  return std::string(text) + "\n[backrest]\nbackrest-checksum=\"" + drwatch::base::Hex(sha1) +
         "\"\n";
}

// `input` is a kind, a newline, the text and, of a bundle, what lies behind the text.
std::optional<std::string> MendedInput(std::string_view input) {
  const std::size_t line = input.find('\n');
  if (line == input.npos) return std::nullopt;
  const std::string_view kind = input.substr(0, line);
  if (kind != "ini" && kind != "backups" && kind != "manifest" && kind != "bundle") {
    return std::nullopt;
  }
  const std::size_t end = kind == "bundle" ? input.find("\n\x1e", line + 1) : input.npos;
  const std::size_t behind = end == input.npos ? input.size() : end + 1;
  const auto text = Mended(input.substr(line + 1, behind - line - 1));
  if (!text) return std::nullopt;
  return std::string(kind) + "\n" + *text + std::string(input.substr(behind));
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0) return size;
  const auto mended = MendedInput({reinterpret_cast<const char*>(data), size});
  if (!mended || mended->size() > max_size) return size;
  std::memcpy(data, mended->data(), mended->size());
  return mended->size();
}
