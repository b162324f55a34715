#include "web/envelope.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "web/json.h"

namespace drwatch::web {
namespace {

struct ErrorKind {
  std::string_view name;
  int status;
};
constexpr std::array<ErrorKind, 7> kErrorKinds = {{{"bad_data", 400},
                                                   {"execution", 422},
                                                   {"canceled", 499},
                                                   {"timeout", 503},
                                                   {"not_found", 404},
                                                   {"not_acceptable", 406},
                                                   {"internal", 500}}};

// As many as Prometheus shows.
constexpr std::size_t kMaxAnnotations = 10;

void AppendAnnotations(std::string& out, std::string_view key,
                       const std::vector<std::string>& texts, std::string_view word) {
  if (texts.empty()) return;
  out += ",\"" + std::string(key) + "\":[";
  const std::size_t shown = std::min(texts.size(), kMaxAnnotations);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, texts[i]);
  }
  if (shown < texts.size()) {
    out += ",\"" + std::to_string(texts.size() - shown) + " more " + std::string(word) +
           " annotations omitted\"";
  }
  out += ']';
}

}  // namespace

std::string BeginSuccess() { return "{\"status\":\"success\",\"data\":"; }

net::ServerResponse FinishSuccess(std::string begun, const promql::Annotations& annotations) {
  AppendAnnotations(begun, "warnings", annotations.warnings, "warning");
  AppendAnnotations(begun, "infos", annotations.infos, "info");
  begun += '}';
  return net::ServerResponse::Json(200, std::move(begun));
}

net::ServerResponse Success(std::string_view data) {
  std::string text = BeginSuccess();
  text += data;
  return FinishSuccess(std::move(text));
}

net::ServerResponse ApiError(std::string_view error_type, std::string_view message) {
  const auto kind =
      std::find_if(kErrorKinds.begin(), kErrorKinds.end(),
                   [&](const ErrorKind& candidate) { return candidate.name == error_type; });
  const int status = kind == kErrorKinds.end() ? 500 : kind->status;
  return net::ServerResponse::Json(status,
                                   "{\"status\":\"error\",\"errorType\":" + JsonString(error_type) +
                                       ",\"error\":" + JsonString(message) + "}");
}

net::ServerResponse BadParameter(std::string_view name, std::string_view why) {
  return ApiError("bad_data", "invalid parameter " + base::Quote(name) + ": " + std::string(why));
}

}  // namespace drwatch::web
