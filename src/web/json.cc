#include "web/json.h"

#include <nlohmann/json.hpp>

#include <array>
#include <charconv>
#include <type_traits>

#include "base/strings.h"

namespace drwatch::web {
namespace {

void AppendPair(std::string& out, base::Timestamp time, double value) {
  out += '[';
  AppendUnixSeconds(out, time);
  out += ",\"";
  out += base::FormatDouble(value);
  out += "\"]";
}

bool AppendVector(std::string& out, const promql::Vector& vector, std::size_t max_bytes) {
  out += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
    AppendLabels(out, vector[i].labels);
    out += ",\"value\":";
    AppendPair(out, vector[i].time, vector[i].value);
    out += '}';
    if (out.size() > max_bytes) return false;
  }
  out += ']';
  return true;
}

bool AppendMatrix(std::string& out, const promql::Matrix& matrix, std::size_t max_bytes) {
  out += '[';
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
    AppendLabels(out, matrix[i].labels);
    out += ",\"values\":[";
    for (std::size_t j = 0; j < matrix[i].samples.size(); ++j) {
      if (j > 0) out += ',';
      AppendPair(out, matrix[i].samples[j].time, matrix[i].samples[j].value);
    }
    out += "]}";
    if (out.size() > max_bytes) return false;
  }
  out += ']';
  return true;
}

bool NeedsNoEscape(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') return false;
  }
  return true;
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  if (NeedsNoEscape(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  using Json = nlohmann::json;
  out += Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

void AppendLabels(std::string& out, const model::Labels& labels) {
  out += '{';
  bool first = true;
  for (const model::LabelView label : labels) {
    if (!first) out += ',';
    first = false;
    AppendJsonString(out, label.name);
    out += ':';
    AppendJsonString(out, label.value);
  }
  out += '}';
}

std::string JsonTime(base::Timestamp time) {
  return time == base::Timestamp{} ? "0001-01-01T00:00:00Z" : base::FormatRfc3339(time);
}

void AppendUnixSeconds(std::string& out, base::Timestamp time) {
  const std::int64_t millis = base::ToUnixMillis(time);
  const std::uint64_t magnitude =
      millis < 0 ? 0 - static_cast<std::uint64_t>(millis) : static_cast<std::uint64_t>(millis);
  std::array<char, 32> text;
  char* at = text.data();
  if (millis < 0) *at++ = '-';
  at = std::to_chars(at, text.data() + text.size(), magnitude / 1000).ptr;
  if (const std::uint64_t rest = magnitude % 1000; rest > 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + rest / 100);
    *at++ = static_cast<char>('0' + rest / 10 % 10);
    *at++ = static_cast<char>('0' + rest % 10);
  }
  out.append(text.data(), at);
}

bool AppendQueryResult(std::string& out, const promql::Value& value, std::size_t max_bytes) {
  out += "\"resultType\":\"" + std::string(promql::ResultTypeName(promql::TypeOf(value))) +
         "\",\"result\":";
  return std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, promql::Scalar>) {
          AppendPair(out, held.time, held.value);
        } else if constexpr (std::is_same_v<T, promql::Vector>) {
          return AppendVector(out, held, max_bytes);
        } else if constexpr (std::is_same_v<T, promql::Matrix>) {
          return AppendMatrix(out, held, max_bytes);
        } else {
          out += '[';
          AppendUnixSeconds(out, held.time);
          out += ',';
          AppendJsonString(out, held.value);
          out += ']';
        }
        return out.size() <= max_bytes;
      },
      value);
}

}  // namespace drwatch::web
