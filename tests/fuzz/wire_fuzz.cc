// Any bytes as an answer of a server or a request of a client end in an error or in something that
// holds together. The input is a kind, a newline, the content.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "config/matcher_parser.h"
#include "fuzz.h"
#include "net/address.h"
#include "net/aws_credential_sources.h"
#include "net/aws_time.h"
#include "net/gzip.h"
#include "net/s3_head.h"
#include "net/s3_xml.h"
#include "notify/receiver.h"
#include "probes/redis_info.h"
#include "web/am_json.h"
#include "web/negotiate.h"
#include "web/parameters.h"

namespace drwatch {
namespace {

using fuzz::Check;

template <typename T>
void CheckError(const base::Result<T>& result) {
  if (result) return;
  Check(!result.error().message.empty(), "an error that says nothing");
}

void CheckRules(std::string_view content) {
  const auto rules = net::ParseLifecycle(content);
  CheckError(rules);
  constexpr std::chrono::hours kLongest(24 * 100'000);
  for (const net::S3LifecycleRule& rule : rules.value_or(std::vector<net::S3LifecycleRule>())) {
    const base::Duration expiration = rule.expiration.value_or(base::Duration(0));
    Check(expiration >= base::Duration(0) && expiration <= kLongest, "an impossible expiration");
    for (const auto& transition : rule.transitions) {
      Check(transition.after >= base::Duration(0) && transition.after <= kLongest,
            "an impossible transition");
    }
  }
}

void CheckXml(std::string_view content) {
  const net::S3ErrorText error = net::ParseS3Error(content);
  Check(error.code.size() < 100 && error.message.size() < 300 && error.details.size() < 400,
        "an error that says too much");
  const auto page = net::ParseListPage(content);
  CheckError(page);
  for (const net::S3Object& object : page ? page->objects : std::vector<net::S3Object>()) {
    Check(!object.key.empty() && object.key.size() <= net::kMaxS3KeyBytes && object.size >= 0,
          "an impossible object");
  }
  for (const std::string& prefix : page ? page->prefixes : std::vector<std::string>()) {
    Check(!prefix.empty(), "an empty prefix");
  }
  CheckError(net::ParseVersioning(content));
  CheckError(net::ParseEncryption(content));
  const auto lock = net::ParseObjectLock(content);
  Check(!lock || lock->default_retention >= base::Duration(0), "an impossible retention");
  CheckRules(content);
  CheckError(net::ParseReplication(content));
  CheckError(net::ParseUploads(content));
}

// A line that begins with the status, headers as HTTP has them, an empty line, the body.
net::HttpResponse ResponseOf(std::string_view content) {
  net::HttpResponse response;
  const std::size_t body = std::min(content.find("\n\n"), content.size());
  const auto lines = base::Split(content.substr(0, body), '\n');
  const std::string_view status = lines.front().substr(0, lines.front().find(' '));
  response.status =
      static_cast<int>(std::clamp<std::int64_t>(base::ParseInt(status).value_or(200), 100, 999));
  response.body = content.substr(std::min(body + 2, content.size()));
  for (const std::string_view line : lines) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    response.headers.emplace_back(base::Lower(line.substr(0, colon)),
                                  base::Trim(line.substr(std::min(colon + 1, line.size()))));
  }
  return response;
}

// Behind the status stand the offset and the size that were asked for.
void CheckHead(std::string_view content) {
  const net::HttpResponse response = ResponseOf(content);
  const auto head = net::ParseS3Head(response);
  CheckError(head);
  Check(!head || (head->size >= 0 && head->parts >= 0), "an impossible object");
  const auto words = base::Split(content.substr(0, content.find('\n')), ' ');
  if (words.size() != 3) return;
  // At most 2^60 bytes from some such place on: that much is the program's own.
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  const std::int64_t offset = base::ParseInt(words[1]).value_or(-1);
  const std::int64_t size = base::ParseInt(words[2]).value_or(-1);
  if (offset < 0 || size < 1 || offset > kMost || size > kMost) return;
  const auto whole = net::CheckRange(response, offset, size);
  CheckError(whole);
  const auto got = static_cast<std::int64_t>(response.body.size());
  Check(!whole || (got <= size && *whole - got >= offset), "an impossible range");
}

// What a receiver says to a notification.
void CheckAnswer(std::string_view content) {
  net::HttpOutcome outcome;
  outcome.response = ResponseOf(content);
  const std::vector<config::Integration> integrations = {
      config::PagerDutyReceiver(), config::SlackReceiver(), config::StatuspageReceiver(),
      config::WebhookReceiver()};
  for (const config::Integration& integration : integrations) {
    using notify::Verdict;
    const Verdict verdict = notify::Classify(integration, outcome, base::Timestamp());
    Check((verdict.kind == Verdict::Kind::kDelivered) == verdict.reason.empty(),
          "a verdict that contradicts itself");
    Check(base::IsValidUtf8(verdict.detail) && verdict.detail.size() < 500 &&
              base::IsValidUtf8(verdict.warning) && verdict.warning.size() < 1000,
          "a detail that is no text");
    const base::Duration wait = verdict.retry_after.value_or(base::Duration(0));
    Check(wait >= base::Duration(0) && wait <= notify::kMaxRetryAfter, "an impossible wait");
  }
}

void CheckTimes(std::string_view content) {
  const std::string text(content);
  const auto iso = net::ParseIsoTime(text);
  const auto rfc = web::ParseRfc3339(text);
  CheckError(rfc);
  // What is cut off of a fraction may round differently.
  Check(!iso || (rfc && (*rfc - *iso).count() <= 1 && (*iso - *rfc).count() <= 1),
        "a time that is another one");
  const auto date = notify::ParseHttpDate(text);
  const auto curls = net::ParseHttpTime(text);
  // Before the day libcurl takes a letter for a time zone.
  constexpr std::string_view kDays = "Mon, Tue, Wed, Thu, Fri, Sat, Sun, ";
  const bool plain = kDays.find(text.substr(0, 5)) != kDays.npos;
  Check(!plain || !date || !curls || *date == *curls, "a date that is another one");
}

void CheckRedisInfo(std::string_view content) {
  const auto info = probes::ParseRedisInfo(content);
  if (!info) return;
  Check(info->replicas.size() <= 200, "too many replicas");
  Check(info->link_down_seconds.value_or(0) >= 0 && info->last_io_seconds.value_or(0) >= 0,
        "an impossible age");
}

void CheckMatchers(std::string_view content) {
  const auto matchers = config::ParseMatchers(content);
  CheckError(matchers);
  if (!matchers) return;
  for (const model::Matcher& matcher : *matchers) {
    const auto again = config::ParseMatcher(matcher.ToString());
    Check(again && *again == matcher, "a matcher that does not read back: " + matcher.ToString());
  }
}

void CheckAddresses(std::string_view content) {
  if (const auto url = net::ParseUrl(content)) {
    if (!url->host.empty()) {
      const auto origin = net::ParseUrl(url->Origin());
      Check(origin && origin->host == url->host && (origin->port == url->port || url->port == 0),
            "an origin that is another one: " + url->Origin());
    }
  } else {
    CheckError(url);
  }
  if (const auto endpoint = net::ParseEndpoint(content)) {
    const auto again = net::ParseEndpoint(endpoint->ToString());
    Check(again && again->host == endpoint->host && again->port == endpoint->port &&
              again->unix_path == endpoint->unix_path,
          "an address that is another one: " + endpoint->ToString());
  } else {
    CheckError(endpoint);
  }
  (void)net::ParseProfile(content, "default");
}

// The parameters of a request.
void CheckQuery(std::string_view content) {
  net::ServerRequest request;
  request.query = net::ParseQuery(content);
  CheckError(web::TimeParameter(request, "time", std::nullopt));
  CheckError(web::DurationParameter(request, "step", std::nullopt));
  CheckError(web::MatchParameters(request));
  const auto limit = web::LimitParameter(request);
  Check(!limit || *limit >= 0, "a negative limit");
}

void CheckPosted(std::string_view content) {
  std::string problems;
  const auto alerts = web::ParseAlerts(content, 1000, problems);
  CheckError(alerts);
  Check(base::IsValidUtf8(problems), "problems that are no text");
  if (!alerts) return;
  for (const notify::PostedAlert& alert : *alerts) {
    Check(!alert.labels.empty(), "an alert without labels");
    for (const model::LabelView label : alert.labels) {
      Check(!label.name.empty() && !label.value.empty() && base::IsValidUtf8(label.value),
            "a label that is none");
    }
  }
}

void CheckSilence(std::string_view content) {
  const auto silence = web::ParseSilence(content);
  CheckError(silence);
  if (!silence) return;
  const std::string text = web::SilenceJson(*silence, base::Timestamp()).dump();
  const auto again = web::ParseSilence(text);
  Check(again && again->matchers == silence->matchers && again->starts_at == silence->starts_at &&
            again->ends_at == silence->ends_at && again->comment == silence->comment,
        "a silence that does not read back: " + text);
}

void CheckAccept(std::string_view content) {
  const web::MetricsFormat format = web::NegotiateMetrics(content);
  Check(format.content_type.find_first_of("\r\n") == std::string::npos, "a header that is several");
  (void)net::AcceptsGzip(content);
}

}  // namespace
}  // namespace drwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::map<std::string_view, void (*)(std::string_view content)> kKinds = {
      {"xml", drwatch::CheckXml},           {"head", drwatch::CheckHead},
      {"answer", drwatch::CheckAnswer},     {"time", drwatch::CheckTimes},
      {"redis", drwatch::CheckRedisInfo},   {"matchers", drwatch::CheckMatchers},
      {"address", drwatch::CheckAddresses}, {"query", drwatch::CheckQuery},
      {"alerts", drwatch::CheckPosted},     {"silence", drwatch::CheckSilence},
      {"accept", drwatch::CheckAccept}};
  const std::string_view input = drwatch::fuzz::Text(data, size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const auto kind = kKinds.find(input.substr(0, line));
  if (kind != kKinds.end()) kind->second(input.substr(std::min(line + 1, input.size())));
  return 0;
}
