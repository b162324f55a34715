#include "notify/email.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"
#include "notify/email_text.h"
#include "notify/expand.h"
#include "notify/mime.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using config::MailAddress;
using net::MailRefusal;

constexpr std::size_t kMaxSubjectCharacters = 250;
constexpr std::size_t kMaxHeaderCharacters = 2000;
constexpr std::uint16_t kImplicitTlsPort = 465;

// The header as names and whole lines, in the order of writing.
class Header {
 public:
  void Set(std::string_view name, std::string line) {
    const std::string key = base::Lower(name);
    for (auto& [known, text] : lines_) {
      if (known != key) continue;
      text = std::move(line);
      return;
    }
    lines_.emplace_back(key, std::move(line));
  }
  void SetText(std::string_view name, std::string_view text) {
    Set(name, HeaderLine(name, CutCharacters(CleanLine(text), kMaxHeaderCharacters)));
  }
  std::string Take() const {
    std::string all;
    for (const auto& [name, line] : lines_) all += line;
    return all;
  }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

bool HoldsAddresses(const std::string& lower_case_name) {
  const auto names = {"to", "from", "cc", "bcc", "reply-to", "sender"};
  return std::find(names.begin(), names.end(), lower_case_name) != names.end();
}

// A message of its own each time it is told anew, the same for each attempt; all of one incident
// refer to the same beginning, so that mail programs show them together.
void SetIds(Header& header, const Notification& notification, const std::string& domain) {
  const std::string thread =
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, notification.dedup_key))
          .substr(0, 32);
  const std::string id = CutCharacters(CleanLine(notification.event_id), 40);
  const std::string root = "<" + thread + ".incident@" + domain + ">";
  header.Set("Message-ID", "Message-ID: <" + id + "@" + domain + ">\r\n");
  header.Set("In-Reply-To", "In-Reply-To: " + root + "\r\n");
  header.Set("References", "References: " + root + "\r\n");
}

std::string Message(const config::EmailReceiver& receiver, const Notification& notification,
                    const MailAddress& from, const std::vector<MailAddress>& to,
                    Expander& expander) {
  Header header;
  header.Set("From", AddressLine("From", {from}));
  header.Set("To", AddressLine("To", to));
  header.SetText("Subject", CutCharacters(NotificationTitle(notification), kMaxSubjectCharacters));
  header.Set("Date", "Date: " + MailDate(notification.sent_at) + "\r\n");
  SetIds(header, notification, from.address.substr(from.address.rfind('@') + 1));
  // RFC 3834: no out-of-office answers.
  header.Set("Auto-Submitted", "Auto-Submitted: auto-generated\r\n");
  header.Set("MIME-Version", "MIME-Version: 1.0\r\n");
  const bool full = notification.form == Form::kFull;
  for (const auto& [name, text] : receiver.headers) {
    if (!full) break;
    const std::string value = expander.Expand("headers." + name, text, "");
    if (base::Trim(value).empty()) continue;
    const auto addresses = config::ParseMailAddresses(value);
    if (HoldsAddresses(base::Lower(name)) && addresses) {
      header.Set(name, AddressLine(name, *addresses));
    } else {
      header.SetText(name, value);
    }
  }
  const std::string built_in = EmailText(notification);
  if (!full) return header.Take() + MailBody(built_in, "", "");
  // Whoever words one form alone does not want the built-in other one beside it; a plain text
  // beside HTML is for programs that cannot show that.
  const std::string text = CleanText(expander.Expand("text", receiver.text, built_in));
  std::string html;
  if (!receiver.html.empty() || receiver.text.empty()) {
    html = CleanText(expander.ExpandHtml("html", receiver.html, EmailHtml(notification)));
  }
  return header.Take() + MailBody(text, html, "=_drwatch-" + notification.event_id);
}

Verdict Refused(const MailRefusal& refusal) {
  Verdict verdict;
  verdict.detail = std::string(net::MailStepName(refusal.step)) + ": " +
                   std::to_string(refusal.code) + " " + DescribeText(refusal.text);
  const bool permanent = refusal.code / 100 == 5;
  verdict.kind = permanent ? Verdict::Kind::kRejected : Verdict::Kind::kRetry;
  if (refusal.code / 100 == 4) {
    verdict.reason = "server_error";
  } else if (!permanent) {
    verdict.reason = "unexpected_response";
  } else if (refusal.step == MailRefusal::Step::kLogin) {
    verdict.reason = "auth";
  } else if (refusal.step == MailRefusal::Step::kRecipient) {
    verdict.reason = "not_found";
  } else {
    verdict.reason = "client_error";
    // Too large, or a filter did not like the text.
    verdict.minimal_may_help = refusal.step == MailRefusal::Step::kMessage;
  }
  return verdict;
}

}  // namespace

base::Result<BuiltRequest> BuildEmail(const config::EmailReceiver& receiver,
                                      const Notification& notification,
                                      const base::Secret& password) {
  Expander expander(notification);
  const auto to = config::ParseMailAddresses(expander.Expand("to", receiver.to, ""));
  if (!to) return base::Wrap("to", to.error());
  const auto from = config::ParseMailAddresses(expander.Expand("from", receiver.from, ""));
  if (!from) return base::Wrap("from", from.error());
  const config::MailServer& server = receiver.server;
  const base::Result<net::Endpoint> endpoint = net::ParseEndpoint(server.smarthost);
  if (!endpoint) return base::Wrap("smarthost", endpoint.error());
  net::MailRequest request;
  request.server = *endpoint;
  const bool implicit = server.force_implicit_tls || endpoint->port == kImplicitTlsPort;
  request.security = implicit             ? net::MailSecurity::kImplicitTls
                     : server.require_tls ? net::MailSecurity::kStartTls
                                          : net::MailSecurity::kPlain;
  request.tls = ToTlsOptions(server.tls);
  request.hello = server.hello.empty() ? "localhost" : server.hello;
  request.username = server.username;
  request.password = password;
  request.identity = server.identity;
  request.sender = from->front().address;
  for (const MailAddress& address : *to) request.recipients.push_back(address.address);
  request.message = Message(receiver, notification, from->front(), *to, expander);
  return BuiltRequest{std::move(request), {}, expander.TakeErrors()};
}

Verdict ClassifyEmail(const net::MailOutcome& outcome) {
  if (outcome.error) return ClassifyNetError(*outcome.error);
  if (outcome.refusal) return Refused(*outcome.refusal);
  Verdict verdict;
  verdict.kind = Verdict::Kind::kDelivered;
  verdict.detail = "taken by the mail server";
  if (!outcome.refused_recipients.empty()) {
    verdict.warning =
        "not delivered to " + DescribeText(base::Join(outcome.refused_recipients, "; "));
  }
  return verdict;
}

}  // namespace drwatch::notify
