#include "notify/forward_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxValueCharacters = 16 << 10;
constexpr std::size_t kBytesAroundAlert = 256;
constexpr std::size_t kBytesAroundLabel = 6;

Json LabelObject(const model::Labels& labels) {
  Json object = Json::object();
  for (const model::LabelView label : labels) {
    object[CleanText(label.name)] = CleanWithin(label.value, kMaxValueCharacters);
  }
  return object;
}

std::size_t BytesOf(const model::Labels& labels) {
  std::size_t bytes = 0;
  for (const model::LabelView label : labels) {
    bytes += label.name.size() + label.value.size() + kBytesAroundLabel;
  }
  return bytes;
}

bool IsPage(const net::HttpResponse& response) {
  return base::Lower(response.Header("content-type")).find("text/html") != std::string::npos ||
         base::Trim(response.body).starts_with('<');
}

}  // namespace

std::size_t ForwardedBytes(const model::Alert& alert) {
  return kBytesAroundAlert + BytesOf(alert.labels) + BytesOf(alert.annotations) +
         alert.generator_url.size();
}

net::HttpRequest BuildForward(const std::string& url, const std::vector<ForwardItem>& items,
                              base::Timestamp now, base::Duration validity) {
  Json alerts = Json::array();
  for (const ForwardItem& item : items) {
    const model::Alert& alert = item.alert;
    const base::Timestamp ends_at =
        alert.resolved() ? std::min(alert.resolved_at, now) : now + validity;
    // An end before its start is refused.
    const base::Timestamp starts_at = std::min({alert.fired_at, ends_at, now});
    Json object = {{"labels", LabelObject(alert.labels)},
                   {"annotations", LabelObject(alert.annotations)},
                   {"startsAt", base::FormatRfc3339(starts_at)},
                   {"endsAt", base::FormatRfc3339(ends_at)}};
    // Anything but an address is refused with the whole alert.
    if (IsWebUrl(alert.generator_url)) object["generatorURL"] = alert.generator_url;
    alerts.push_back(std::move(object));
  }
  return JsonRequest(base::Secret(url),
                     alerts.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Verdict ClassifyForward(const net::HttpOutcome& outcome, base::Timestamp now) {
  Verdict verdict = ClassifyCommon(outcome, now);
  if (verdict.kind == Verdict::Kind::kDelivered && IsPage(*outcome.response)) {
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "unexpected_response";
  }
  verdict.minimal_may_help =
      verdict.kind == Verdict::Kind::kRejected && verdict.reason == "client_error";
  return verdict;
}

}  // namespace drwatch::notify
